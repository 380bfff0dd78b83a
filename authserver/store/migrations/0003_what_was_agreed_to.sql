-- +goose Up
-- What else an authorization says about its tokens.
ALTER TABLE grants ADD COLUMN session_id TEXT NOT NULL DEFAULT '';            -- sid of the session it was given in; empty: no browser was there
ALTER TABLE grants ADD COLUMN claims TEXT NOT NULL DEFAULT '';                -- OIDC Core §5.5: JSON; empty: none asked for
ALTER TABLE grants ADD COLUMN resource TEXT NOT NULL DEFAULT '';              -- RFC 8707 §2: URIs separated by spaces; empty: all
ALTER TABLE grants ADD COLUMN authorization_details TEXT NOT NULL DEFAULT ''; -- RFC 9396 §7: JSON; empty: none
ALTER TABLE grants ADD COLUMN dpop_jkt TEXT NOT NULL DEFAULT '';              -- RFC 9449 §10: thumbprint; empty: not bound

-- sub of the account that the person chose to go on with; empty: nobody asked.
ALTER TABLE interactions ADD COLUMN chosen TEXT NOT NULL DEFAULT '';
