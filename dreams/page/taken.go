package page

import (
	"strings"

	"github.com/a-h/templ"

	"example.com/acme-dreams/dreams/wire"
	"example.com/acme-dreams/views"
)

// TakenView is a run as one file, to be opened without any server.
type TakenView struct {
	Title, When, Lead string
	Secrets           bool // they are in it
	Diagram           Diagram
	Rows              []InspectorView
}

// style is the style sheets that the page needs, to stand in it. They are ours, and
// hold nothing that would end the element.
func (TakenView) style() templ.Component {
	var all strings.Builder
	for _, name := range []string{"app.css", "wire.css", "inspector.css"} {
		all.WriteString(views.StaticText(name))
	}
	return templ.Raw("<style>" + all.String() + ".taken .insp,.taken .side{position:static;max-height:none}</style>")
}

func (v InspectorView) checks() bool { return v.Kind == wire.Checks }
