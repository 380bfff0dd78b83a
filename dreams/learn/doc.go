// Package learn is the lessons of Dreams: one for each way to get a token. A
// lesson explains itself, runs for real between the three programs, and shows
// what was sent, what came back, and one thing that the grant cannot do, tried
// and refused.
//
//	lesson.go     what a lesson is
//	lessons.go    which there are: one line each; choice.go: which one somebody needs
//	classroom.go  the pages and the form that runs a lesson; show.go: what they show
//	run.go        what a lesson has at hand while it runs
//	result.go     what came of it, and where that is kept: in memory, for one browser
//	runs.go       the runs of a browser, and what others may know of one while it goes on
//	stepper.go    a run that stops before each message, and what happens to it in the end
//	press.go      what the buttons on its page do; edit.go: a message that is changed
//	side.go       its steps, and what waits; compare.go: two runs beside one another
//	wire.go       the page of a run, and the stream of its rows; inspector.go: one row
//	export.go     a run that is taken away, or brought along
//	lab.go        the client that registers itself, and what its lessons have at hand
//	token.go      what a token says, in words; excerpt.go: a piece of package flow
//	clock.go      the room's clock
//	token_inspector.go  a token taken apart and judged: token_view.go, trial.go, tamper.go, three_ways.go
//	one file for each lesson: pkce.go, client_credentials.go, …
//
// # To add a lesson
//
// Write a file with a function that returns it, and add its line in lessons.go:
//
//	func (c *Classroom) clientCredentials() Lesson {
//		return Lesson{Slug: "client-credentials", …, Run: c.runClientCredentials}
//	}
//
// Run is called by the form on the lesson's page (POST /learn/{slug}). Its
// context carries a recording, so whatever is sent through c.Back or a grant of
// package flow with that context appears among the messages, and waits there when
// somebody steps through the run; there is nothing to do for it. Run tells the rest
// to its *Run:
//
//	run.Say("…")                 a caption for the next message
//	run.Tell("…", "…")           the same, with what the message proves
//	run.Recording.Browser(…)     a step of the browser’s, which no program hears
//	run.Decode("…", token)       a token to be taken apart
//	run.Answer("…", answer)      what Acme said; c.Call(ctx, path, token) asks it
//	run.Refused(…)               something that cannot be done, and who said no
//	run.Note("…")                a remark below the messages
//	run.Invite(…)                something to do in another tab
//	run.Redirect(address)        sends the browser there: the run goes on later
//	run.Authorize(ctx, request)  the same, to the authorization endpoint for dreams-web
//
// A run that has sent the browser away goes on in Lesson.Return, when the
// browser brings an answer to /callback; the recording goes on with it. What has
// to be remembered in between is run.Memory. Where it goes on by polling
// (a device code), the lesson has Continue: it is called whenever the page is
// opened while run.Unfinished is set, and the page reloads itself after so many
// seconds.
//
// An error from Run, Return or Continue ends the run and is shown on its page.
// A refusal of the token endpoint is a *flow.TokenError.
//
// # To add an extension
//
// The same, with Lab set: the lesson stands in the second part of the front page,
// and runs as a client that the lab registers when it is first needed (RFC 7591).
// Needs names what the server's metadata has to have; without it the page says
// that this server does not offer it. Instead of run.Authorize it has
//
//	run.begin(ctx, forLab, request)       registers where that has to be, and sends the browser away
//	run.send(ctx, bench, request, change) the same for a client that is there, with an address that somebody changes
//	run.try(ctx, client, request)         a request that nobody is sent away with: for what is refused at once
//	run.slammed(ctx, address, refusal)    an address that leads to an error page
//	run.served(answer, refusal)           something that Acme had to refuse
//
// and comes back to /lab/callback, where the checks of every callback wait.
// Lesson.Denied gets an error that came back in place of a code.
//
// A lesson with Legacy set runs nothing while LEGACY_GRANTS=off; its page says
// why it is gone. A lesson that runs elsewhere (/tv, /spa) names it in Elsewhere.
package learn
