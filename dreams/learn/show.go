package learn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/internal/source"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// view is a lesson without a result.
func (c *Classroom) view(l Lesson) page.LessonView {
	v := page.LessonView{
		Slug: l.Slug, Title: l.Title, Line: l.Line, For: l.For, NotFor: l.NotFor, Client: l.Client,
		State: string(l.State), Reason: l.Reason, Source: l.Source, Mark: page.MarkCurrent,
		Stops: l.Stops, Lab: l.Lab, Off: c.off(l), Wiretap: bool(c.Env.Wiretap), Elsewhere: l.Elsewhere, Fields: l.Fields, Before: l.Before,
	}
	switch l.State {
	case Deprecated, ForServers:
		v.Mark = page.MarkDeprecated
	case Removed:
		v.Mark = page.MarkRemoved
	}
	for _, s := range l.Steps {
		v.Steps = append(v.Steps, page.LessonStep(s))
	}
	for _, s := range l.Secrets {
		v.Secrets = append(v.Secrets, page.LessonSecret(s))
	}
	for _, f := range l.Files {
		shown := page.LessonFile{Path: f.Path, About: f.About}
		if _, ok := source.Text(f.Path); ok {
			shown.Href = "/source/" + f.Path
		}
		v.Files = append(v.Files, shown)
	}
	for _, e := range l.Code {
		text, line := e.text()
		v.Code = append(v.Code, page.SourceFile{Name: "dreams/flow/" + e.File, Href: page.SourceHref("dreams/flow/"+e.File, line), Part: e.Name, Text: text})
	}
	return v
}

// shown is a result as the page has it.
func (c *Classroom) shown(r Result) page.ResultView {
	v := page.ResultView{At: clock(r.At), Recorded: bool(c.Env.Wiretap), Notes: r.Notes, Invite: page.InvitationView(r.Invite), Trouble: r.Trouble}
	if r.Run != "" {
		v.Run = "/runs/" + r.Run + look{row: 1}.query()
	}
	exchanges, dropped := r.exchanges()
	v.Dropped = dropped
	for i, e := range exchanges {
		if i > 0 && e.Caption == "" && wantedNonce(exchanges[i-1]) {
			e.Caption = "Once more, with the server’s nonce in the proof\nNobody can have made this proof beforehand: the nonce is new."
		}
		v.Messages = append(v.Messages, message(e))
	}
	for _, t := range r.Tokens {
		v.Tokens = append(v.Tokens, token(t))
	}
	for _, a := range r.Answers {
		v.Answers = append(v.Answers, page.AnswerView{Request: a.Request, Status: status(a.Status), Challenge: a.Challenge, Body: indented(a.Body)})
	}
	for _, f := range r.Refusals {
		v.Refusals = append(v.Refusals, page.RefusalView{
			Tried: f.Tried, By: f.By, Status: status(f.Status), Code: f.Code, Words: indented(f.Words), Rule: f.Rule, Means: f.Means, Got: f.Got, Ignored: f.Ignored,
		})
	}
	return v
}

// wantedNonce tells whether an exchange was refused for want of a nonce in the
// proof (RFC 9449 §8, §9).
func wantedNonce(e wiretap.Exchange) bool {
	return e.Status >= 400 && e.Response.Header.Get("DPoP-Nonce") != "" &&
		(strings.Contains(e.Response.Body, `"use_dpop_nonce"`) || strings.Contains(e.Response.Header.Get("WWW-Authenticate"), `"use_dpop_nonce"`))
}

func token(t Token) page.TokenView {
	v := page.TokenView{Label: t.Label, Raw: t.Raw, Masked: wiretap.Mask(t.Raw)}
	d, ok := decode(t.Raw)
	if !ok {
		return v
	}
	v.Parts = d.parts
	for _, claim := range d.Header {
		v.Header = append(v.Header, page.ClaimView(claim))
	}
	for _, claim := range d.Claims {
		v.Claims = append(v.Claims, page.ClaimView(claim))
	}
	return v
}

func message(e wiretap.Exchange) page.MessageView {
	m := page.MessageView{
		From: views.Party(e.From), To: views.Party(e.To), Front: e.Front, Method: e.Method, URL: e.URL,
		Status: status(e.Status), Err: e.Err, Truncated: e.Request.Truncated || e.Response.Truncated,
		Took:        fmt.Sprintf("%d ms", e.Duration.Milliseconds()),
		SentHeaders: headers(e.Request.Header, "Authorization", "DPoP", "Accept"), ReceivedHead: headers(e.Response.Header, "WWW-Authenticate", "DPoP-Nonce"),
	}
	m.Caption, m.Proves, _ = strings.Cut(e.Caption, "\n")
	if u, err := url.Parse(e.URL); err == nil {
		m.URL, m.Sent = bare(u), params(values(u))
	}
	if form, err := url.ParseQuery(e.Request.Body); err == nil && strings.HasPrefix(e.Request.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		m.Sent = append(m.Sent, params(form)...)
	}
	if location := e.Response.Header.Get("Location"); location != "" {
		if u, err := url.Parse(location); err == nil {
			m.ReceivedHead = append(m.ReceivedHead, page.Param{Name: "Location", Value: bare(u)})
			m.Received = params(values(u))
		}
	}
	if list, few := members(e.Request.Body, mostSent); few {
		m.Sent = append(m.Sent, list...)
	} else if strings.HasPrefix(e.Request.Header.Get("Content-Type"), "application/json") {
		m.SentBody = indented(e.Request.Body)
	}
	if list, few := members(e.Response.Body, mostMembers); few {
		m.Received = append(m.Received, list...)
	} else {
		m.Body = indented(e.Response.Body)
	}
	return m
}

func bare(u *url.URL) string {
	b := *u
	b.RawQuery, b.Fragment, b.RawFragment = "", "", ""
	return b.String()
}

func param(name, value string) page.Param {
	p := page.Param{Name: name, Value: value}
	if wiretap.Secret(name) && value != "" {
		p.Masked = wiretap.Mask(value)
	} else if len(value) > longestPlain {
		p.Masked = strings.ToValidUTF8(value[:shownOfLong], "") + "…"
	}
	return p
}

// What is longer than this is folded, whether secret or not.
const (
	longestPlain = 400
	shownOfLong  = 60
)

func params(form url.Values) []page.Param {
	var all []page.Param
	for name, vs := range form {
		for _, value := range vs {
			all = append(all, param(name, value))
		}
	}
	slices.SortFunc(all, func(a, b page.Param) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
	return all
}

func headers(h http.Header, names ...string) []page.Param {
	var all []page.Param
	for _, name := range names {
		value := strings.Join(h.Values(name), ", ")
		if value == "" {
			continue
		}
		all = append(all, param(name, value))
		if pair, basic := strings.CutPrefix(value, "Basic "); basic {
			if text, err := base64.StdEncoding.DecodeString(pair); err == nil {
				id, _, _ := strings.Cut(string(text), ":")
				all = append(all, page.Param{Name: "which is the client", Value: id})
			}
		}
	}
	return all
}

// mostMembers and longestMember tell a token response from a catalogue.
const (
	mostMembers   = 12
	mostSent      = 30 // what is sent has more room on the page
	longestMember = 6000
	longestNested = 600
)

// members are a small JSON object's, a line each.
func members(body string, most int) ([]page.Param, bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &object) != nil || len(object) > most {
		return nil, false
	}
	var all []page.Param
	for name, value := range object {
		var text string
		if json.Unmarshal(value, &text) != nil {
			if text = string(value); len(text) > 0 && (text[0] == '{' || text[0] == '[') && len(text) > longestNested {
				return nil, false
			}
		}
		if len(text) > longestMember {
			return nil, false
		}
		all = append(all, param(name, text))
	}
	slices.SortFunc(all, func(a, b page.Param) int { return strings.Compare(a.Name, b.Name) })
	return all, true
}

// indented is JSON made readable, and anything else as it is.
func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	if b.Len() > maxAnswer {
		return strings.ToValidUTF8(b.String()[:maxAnswer], "") + " …"
	}
	return b.String()
}

func status(code int) string {
	if code == 0 {
		return ""
	}
	return strconv.Itoa(code) + " " + http.StatusText(code)
}

func clock(at time.Time) string { return "at " + at.Format("15:04:05") }

func seconds(d time.Duration) string { return strconv.Itoa(int(max(d, time.Second) / time.Second)) }
