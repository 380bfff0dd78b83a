package endpoint

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// operation is one request of Acme's API, as its OpenAPI document describes it.
type operation struct {
	ID, Method, Path, Tag, Summary, Description string
	Scope                                       string // that a token needs
	Parameters                                  []apiParameter
	Body                                        string // an example of it; empty: there is none
}

// apiParameter is a part of the path, or of the query.
type apiParameter struct {
	Name, In, Description string
	Required              bool
	Schema                schema
	Example               any
	Ref                   string `json:"$ref"`
}

// schema is what we need of one to make an example.
type schema struct {
	Type       string
	Enum       []any
	Properties map[string]schema
	Items      *schema
	Default    any
	Minimum    *float64
	Maximum    *float64
	MinLength  int
	Ref        string `json:"$ref"`
}

// apiTag is a group of operations.
type apiTag struct{ Name, Description string }

// apiDocument is what we read of an OpenAPI 3.0 document.
type apiDocument struct {
	Tags       []apiTag
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Parameters map[string]apiParameter }

	operations []operation
}

// apiMethods are the members of a path item that are operations, in our order.
var apiMethods = []string{"get", "post", "put", "patch", "delete"}

// readAPIDocument reads the operations, in the order of tags, paths and methods.
func readAPIDocument(content []byte) (*apiDocument, error) {
	var d apiDocument
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, err
	}
	for path, item := range d.Paths {
		for method, raw := range item {
			if !slices.Contains(apiMethods, method) {
				continue
			}
			op, err := d.operation(method, path, raw)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			d.operations = append(d.operations, op)
		}
	}
	tag := func(o operation) int {
		return slices.IndexFunc(d.Tags, func(t apiTag) bool { return t.Name == o.Tag })
	}
	slices.SortFunc(d.operations, func(a, b operation) int {
		return cmp.Or(cmp.Compare(tag(a), tag(b)), cmp.Compare(a.Path, b.Path), cmp.Compare(slices.Index(apiMethods, strings.ToLower(a.Method)), slices.Index(apiMethods, strings.ToLower(b.Method))))
	})
	return &d, nil
}

func (d *apiDocument) operation(method, path string, raw []byte) (operation, error) {
	var read struct {
		OperationID, Summary, Description string
		Tags                              []string
		Security                          []map[string][]string
		Parameters                        []apiParameter
		RequestBody                       struct {
			Content map[string]struct{ Schema schema }
		}
	}
	if err := json.Unmarshal(raw, &read); err != nil {
		return operation{}, err
	}
	op := operation{ID: read.OperationID, Method: strings.ToUpper(method), Path: path, Summary: read.Summary, Description: read.Description}
	if len(read.Tags) > 0 {
		op.Tag = read.Tags[0]
	}
	for _, alternative := range read.Security {
		for _, scopes := range alternative {
			op.Scope = strings.Join(scopes, " ")
		}
	}
	for _, p := range read.Parameters {
		if name, shared := strings.CutPrefix(p.Ref, "#/components/parameters/"); shared {
			p = d.Components.Parameters[name]
		}
		if p.In == "path" || p.In == "query" {
			op.Parameters = append(op.Parameters, p)
		}
	}
	if body, sent := read.RequestBody.Content["application/json"]; sent {
		example, err := json.MarshalIndent(body.Schema.example(0), "", "  ")
		if err != nil {
			return op, err
		}
		op.Body = string(example)
	}
	return op, nil
}

// example is a value that a schema allows, as far as it is simple.
func (s schema) example(depth int) any {
	switch {
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[len(s.Enum)-1]
	case s.Type == "object" && depth < 5:
		all := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			all[name] = s.Properties[name].example(depth + 1)
		}
		return all
	case s.Type == "array":
		return []any{}
	case s.Type == "boolean":
		return false
	case s.Type == "integer" || s.Type == "number":
		if s.Maximum != nil && *s.Maximum <= 100 {
			return *s.Maximum
		}
		return 0
	}
	return "text"
}

// find is an operation by its id; nil: there is none.
func (d *apiDocument) find(id string) *operation {
	for i := range d.operations {
		if d.operations[i].ID == id {
			return &d.operations[i]
		}
	}
	return nil
}

// documentKept is how long we show what Acme's document said.
const documentKept = time.Minute

// apiDocuments keeps the last one.
type apiDocuments struct {
	mu   sync.Mutex
	at   time.Time
	last *apiDocument
}

// apiDocument asks Acme for its OpenAPI document.
func (e *Endpoints) apiDocument(ctx context.Context) (*apiDocument, error) {
	k := e.documents
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last != nil && e.Now().Sub(k.at) < documentKept {
		return k.last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	answer, err := e.callAcme(ctx, http.MethodGet, "/api/openapi.json", nil, nil)
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, fmt.Errorf("its OpenAPI document: status %d", answer.Status)
	}
	document, err := readAPIDocument(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("its OpenAPI document: %w", err)
	}
	k.last, k.at = document, e.Now()
	return document, nil
}
