package learn

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/internal/wiretap"
	"example.com/acme-dreams/views"
)

// side is what stands beside the messages of a run: its steps, what waits, and the
// buttons.
// press is what lets go what waits, for where they are not shown; nil: nothing
// waits.
func (c *Classroom) side(run *Run, record wiretap.Record, rows []wire.Row, l look) (side, press templ.Component) {
	if run.imported != nil {
		return page.Imported(run.brought(), run.address()), nil
	}
	v := c.stepperView(run, record, rows)
	v.Look = l.to(0).query()
	if v.Pending != nil && !v.Pending.Sent {
		press = page.Press(v)
	}
	return page.Stepper(v), press
}

func (c *Classroom) stepperView(run *Run, record wiretap.Record, rows []wire.Row) page.StepperView {
	run.progress.mu.Lock()
	state, pending, unsent, until, notice, shown := run.progress.state, run.progress.pending, run.progress.unsent, run.progress.until, run.progress.notice, run.progress.shown
	run.progress.mu.Unlock()
	v := page.StepperView{
		ID: run.ID, Lesson: views.Link{Label: run.Title(), Href: "/learn/" + run.Slug()}, Stepping: run.Stepping(), Typed: run.lesson.Fields != nil, Off: c.off(run.lesson),
		State: string(state), Notice: notice, Trouble: shown.Trouble, Notes: shown.Notes, Invite: page.InvitationView(shown.Invite),
	}
	if !until.IsZero() {
		v.Until = until.Format("15:04:05")
	}
	waiting := pending
	if waiting == nil && state == Ended {
		waiting = unsent
	}
	v.Steps = steps(record, rows, waiting, state)
	for i, e := range record.Exchanges {
		if run.changed(e) {
			v.Changed = append(v.Changed, views.Link{Label: e.Method + " " + pathOf(e.URL), Href: "#" + rowOf(rows, i)})
		}
	}
	if pending != nil {
		v.Pending = c.pendingView(*pending, record, rows)
	}
	for _, other := range c.runs.of(run.Browser) {
		if other != run && other.lesson.Slug == run.lesson.Slug {
			label := "Compare with the run of " + other.Started.Format("15:04:05")
			if other.ID == run.beside {
				label = "Compare with the run that this one branched off"
			}
			v.Others = append(v.Others, views.Link{Label: label, Href: "/runs/" + other.ID + "/compare/" + run.ID})
		}
	}
	return v
}

// steps are what happened so far, in the lesson's own words where a message has
// them. What they say of how it went they have from the messages alone.
func steps(record wiretap.Record, rows []wire.Row, waiting *Pending, state RunState) []page.StepView {
	var all []page.StepView
	last := map[int]int{} // by exchange: its step
	for _, r := range rows {
		if label := begins(r); label != "" || len(all) == 0 {
			if label == "" {
				label = r.Label
			}
			all = append(all, page.StepView{Label: label, Href: "#" + r.ID(), Mark: page.StepDone})
		}
		step := &all[len(all)-1]
		if r.Kind == wire.Request || r.Kind == wire.Redirect && r.Next >= 0 {
			step.Mark = page.StepNow // until there is an answer
		}
		switch {
		case r.Failed:
			step.Mark = page.StepFailed
		case r.Kind == wire.Response:
			step.Mark = page.StepDone
		}
		if n, asked := last[r.Exchange]; asked && all[n].Mark == page.StepNow && (r.Kind == wire.Response || r.Kind == wire.Redirect) {
			all[n].Mark = page.StepDone
		}
		if r.Exchange >= 0 {
			last[r.Exchange] = len(all) - 1
		}
		if r.Next >= 0 {
			last[r.Next] = len(all) - 1
		}
	}
	if waiting == nil {
		return all
	}
	switch waiting.Kind {
	case Leaving, Carrying:
		if waiting.Sent { // it stands among them already
			break
		}
		label, _, _ := strings.Cut(waiting.Message.Caption, "\n")
		if label == "" {
			label = waiting.Message.Method + " " + pathOf(waiting.Message.URL)
		}
		step := page.StepView{Label: label, Href: "#waits", Mark: page.StepWaiting}
		if state == Ended {
			step.Href, step.Mark = "#steps-h", page.StepSkipped
		}
		all = append(all, step)
	case Arriving:
		for i, e := range record.Exchanges {
			if e.ID == waiting.Exchange.ID {
				if n, has := last[i]; has && all[n].Mark == page.StepDone {
					all[n].Mark = page.StepNow
				}
			}
		}
	}
	return all
}

// begins is what the step that a row begins is called; empty: it begins none.
func begins(r wire.Row) string {
	switch {
	case r.Caption != "" && r.Kind != wire.Response:
		return r.Caption
	case r.Kind == wire.Person:
		return r.Label
	case r.Kind == wire.Request && r.From == wiretap.Browser && strings.HasPrefix(r.Label, "POST /learn/"):
		return "The button is pressed"
	case r.Kind == wire.Redirect && r.From == wiretap.AuthorizationServer && r.To == wiretap.Client:
		return "The browser is back at Dreams"
	}
	return ""
}

// rowOf is the row in which an exchange's request stands.
func rowOf(rows []wire.Row, exchange int) string {
	for _, r := range rows {
		if r.Next == exchange || r.Exchange == exchange && r.Kind == wire.Request {
			return r.ID()
		}
	}
	return "mg"
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Path
}

func (c *Classroom) pendingView(p Pending, record wiretap.Record, rows []wire.Row) *page.PendingView {
	v := &page.PendingView{Kind: string(p.Kind), Seq: p.Seq, Sent: p.Sent}
	switch p.Kind {
	case Leaving, Carrying:
		v.From, v.To = views.Client, views.Party(p.Message.To)
		v.Caption, v.Proves, _ = strings.Cut(p.Message.Caption, "\n")
		v.Label = p.Message.Method + " " + pathOf(p.Message.URL)
		v.Params = c.pendingParams(p)
		v.RunsOut = c.runningOut(p, record)
		v.Edit = editView(p)
	case Arriving:
		v.From, v.To = views.Party(p.Exchange.To), views.Client
		v.Caption, v.Proves, _ = strings.Cut(p.Exchange.Caption, "\n")
		v.Label = status(p.Exchange.Status)
		for _, param := range wire.ResponseParams(p.Exchange) {
			v.Params = append(v.Params, shownParam(param))
		}
	case Resting:
		v.From, v.To = views.Client, views.Client
		v.Label = "Dreams waits, and asks again"
		if left := p.Due.Sub(c.Now()); left > 0 {
			v.RunsOut = []string{fmt.Sprintf("Not before %s: in %s.", p.Due.Format("15:04:05"), span(left))}
		}
	}
	for _, r := range rows {
		if p.Kind == Arriving && r.Exchange >= 0 && r.Kind != wire.Checks && record.Exchanges[r.Exchange].ID == p.Exchange.ID {
			v.Href = "#" + r.ID()
		}
	}
	return v
}

// exchangeOf is a message as if it had been sent, to be looked at like one.
func exchangeOf(m wiretap.Message) wiretap.Exchange {
	return wiretap.Exchange{From: wiretap.Client, To: m.To, Method: m.Method, URL: m.URL, Request: wiretap.Half{Header: m.Header, Body: m.Body}}
}

func (c *Classroom) pendingParams(p Pending) []page.Param {
	var all []page.Param
	for _, param := range wire.RequestParams(exchangeOf(p.Message)) {
		if wiretap.Unrecorded(param.Name) {
			param.Value = wiretap.Withheld
		}
		all = append(all, shownParam(param))
	}
	return all
}

func shownParam(p wire.Param) page.Param { return param(p.Name, p.Value) }

// runningOut tells what in a message grows old while it waits.
func (c *Classroom) runningOut(p Pending, record wiretap.Record) []string {
	var all []string
	add := func(what string, until time.Time) {
		if left := until.Sub(c.Now()); left > 0 {
			all = append(all, fmt.Sprintf("%s is good for %s more, until %s.", what, span(left), until.Format("15:04:05")))
		} else {
			all = append(all, fmt.Sprintf("%s has been too old since %s: send it and see who notices.", what, until.Format("15:04:05")))
		}
	}
	for _, param := range wire.RequestParams(exchangeOf(p.Message)) {
		switch param.Name {
		case "code":
			if at, found := given(record, param); found {
				add("The code", at.Add(time.Duration(c.Env.AuthorizationCodeTTL)))
			}
		case "request_uri", "device_code":
			if at, lifetime, found := promised(record, param.Value); found {
				add("The "+param.Name, at.Add(lifetime))
			}
		case "DPoP":
			if iat, has := claimTime(param.Value, "iat"); has {
				add("The proof", iat.Add(proofLifetime))
			}
		case "client_assertion", "assertion", "request":
			if exp, has := claimTime(param.Value, "exp"); has {
				add("The "+param.Name, exp)
			}
		}
	}
	return all
}

// proofLifetime is how long Acme takes a proof for.
const proofLifetime = time.Minute

// given is when an answer brought a value.
func given(record wiretap.Record, param wire.Param) (time.Time, bool) {
	for _, e := range record.Exchanges {
		for _, one := range wire.ResponseParams(e) {
			if one.Name == param.Name && one.Value == param.Value {
				return e.Start.Add(e.Duration), true
			}
		}
	}
	return time.Time{}, false
}

// promised is when an answer brought a value, and the expires_in beside it.
func promised(record wiretap.Record, value string) (at time.Time, lifetime time.Duration, found bool) {
	for _, e := range record.Exchanges {
		var seconds time.Duration
		has := false
		for _, one := range wire.ResponseParams(e) {
			has = has || one.Value == value
			if one.Name == "expires_in" {
				_, _ = fmt.Sscan(one.Value, &seconds)
			}
		}
		if has && seconds > 0 {
			return e.Start.Add(e.Duration), seconds * time.Second, true
		}
	}
	return time.Time{}, 0, false
}

func claimTime(jwt, name string) (time.Time, bool) {
	d, ok := payload(jwt)
	if !ok {
		return time.Time{}, false
	}
	var seconds float64
	if json.Unmarshal(d[name], &seconds) != nil {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// payload is what a JWT says, unverified.
func payload(jwt string) (map[string]json.RawMessage, bool) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return nil, false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false
	}
	var members map[string]json.RawMessage
	return members, json.Unmarshal(text, &members) == nil
}

// span is a time in words.
func span(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int((d+time.Second-1)/time.Second))
	}
	return fmt.Sprintf("%d min", int(d/time.Minute))
}

func editView(p Pending) *page.EditView {
	d := draftOf(p)
	if p.Draft != nil {
		d = *p.Draft
	}
	v := &page.EditView{
		Browser: p.Kind == Carrying, Method: d.Method, URL: d.URL, Headers: d.Headers, Body: d.Body,
		HasParams: placeOf(p) != nowhere, Problems: d.Problems,
	}
	for i := range d.Names {
		v.Params = append(v.Params, page.Param{Name: d.Names[i], Value: d.Values[i]})
	}
	return v
}
