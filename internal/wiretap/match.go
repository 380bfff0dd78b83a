package wiretap

import (
	"slices"
	"sync"
	"time"
)

// A program keeps what it heard for a moment: the browser may be here with a
// value before we are told that it belongs to a run.
const (
	ringExchanges = 128
	ringBytes     = 2 << 20
	ringAge       = 30 * time.Second
	watchedFor    = 20 * time.Minute // after the run was last spoken of
	maxWatched    = MaxRuns
	maxLinks      = 500
)

// matcher finds the runs that an exchange belongs to.
type matcher struct {
	mu    sync.Mutex
	runs  map[string]*watched
	ring  []*held
	bytes int
}

type watched struct {
	trace string
	links map[string]bool
	until time.Time
}

type held struct {
	e       Exchange
	known   []string
	teaches []string
	at      time.Time
	given   []string // the runs that have it
	owned   bool     // it named the trace of a run: it is no other's, also when that one is over
	bytes   int
}

// found is an exchange of a run, and what it adds to how we know the run.
type found struct {
	run      string
	e        Exchange
	newLinks []string
}

// watch adds what a run is known by, and finds what was heard already. fresh is
// what was new.
func (m *matcher) watch(run, trace string, links []string, now time.Time) (fresh []string, before []found) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.runs[run]
	if w == nil {
		m.forget(now)
		if len(m.runs) >= maxWatched {
			m.makeRoom()
		}
		w = &watched{links: map[string]bool{}}
		if m.runs == nil {
			m.runs = map[string]*watched{}
		}
		m.runs[run] = w
	}
	w.until = now.Add(watchedFor)
	learned := []string(nil)
	if trace != "" {
		w.trace = trace
		learned = w.learn([]string{traceLink(trace)})
	}
	fresh = w.learn(links)
	return fresh, inOrder(m.follow(run, w, append(learned, fresh...)))
}

// makeRoom drops the run that was spoken of least recently; the caller holds the
// lock.
func (m *matcher) makeRoom() {
	oldest := ""
	for id, w := range m.runs {
		if oldest == "" || w.until.Before(m.runs[oldest].until) {
			oldest = id
		}
	}
	delete(m.runs, oldest)
}

func (w *watched) learn(links []string) (fresh []string) {
	for _, l := range links {
		if !w.links[l] && len(w.links) < maxLinks {
			w.links[l] = true
			fresh = append(fresh, l)
		}
	}
	return fresh
}

// offer keeps an exchange, and finds whose it is.
func (m *matcher) offer(e Exchange, now time.Time) []found {
	h := &held{e: e, at: now, bytes: e.size()}
	h.known, h.teaches = links(e)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring, m.bytes = append(m.ring, h), m.bytes+h.bytes
	for len(m.ring) > ringExchanges || m.bytes > ringBytes || (len(m.ring) > 0 && now.Sub(m.ring[0].at) > ringAge) {
		m.bytes -= m.ring[0].bytes
		m.ring[0] = nil
		m.ring = m.ring[1:]
	}
	var all []found
	for _, id := range m.whose(h) {
		f := h.give(id, m.runs[id])
		all = append(all, f)
		all = append(all, m.follow(id, m.runs[id], f.newLinks)...)
	}
	return inOrder(all)
}

// give gives an exchange to a run.
func (h *held) give(run string, w *watched) found {
	h.given = append(h.given, run)
	e := h.e
	if e.ToldBy == e.To && e.From.ours() && !w.links[traceLink(e.Trace)] {
		e.From = Somebody // it says who it is, and nothing speaks for it
	}
	return found{run, e, w.learn(h.teaches)}
}

// whose are the runs that an exchange belongs to: by the trace that it names, where
// that is a run's, or by a value. What names one run is no other's, also where both
// use the same token.
func (m *matcher) whose(h *held) (all []string) {
	if h.owned {
		return h.given
	}
	for id, w := range m.runs {
		switch {
		case w.trace != "" && w.trace == h.e.Trace:
			h.owned = true
			return []string{id}
		case slices.ContainsFunc(h.known, func(l string) bool { return w.links[l] }):
			all = append(all, id)
		}
	}
	return all
}

// follow finds in what is kept what a run has to do with by what it has learned,
// until it learns nothing more: a message may lead to the one before it.
func (m *matcher) follow(run string, w *watched, learned []string) (all []found) {
	for len(learned) > 0 {
		var more []string
		for _, h := range m.ring {
			known := slices.ContainsFunc(h.known, func(l string) bool { return slices.Contains(learned, l) })
			if !known || slices.Contains(h.given, run) || !slices.Contains(m.whose(h), run) {
				continue
			}
			f := h.give(run, w)
			all = append(all, f)
			more = append(more, f.newLinks...)
		}
		learned = more
	}
	return all
}

func inOrder(all []found) []found {
	slices.SortStableFunc(all, func(a, b found) int { return a.e.Start.Compare(b.e.Start) })
	return all
}

// drop forgets a run.
func (m *matcher) drop(run string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.runs, run)
}

// reset forgets every run, and what was heard.
func (m *matcher) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs, m.ring, m.bytes = nil, nil, 0
}

// forget drops runs of which nobody has spoken for long; the caller holds the lock.
func (m *matcher) forget(now time.Time) {
	for id, w := range m.runs {
		if now.After(w.until) {
			delete(m.runs, id)
		}
	}
}

// all is what every run is known by.
func (m *matcher) all() map[string]watching {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]watching{}
	for id, w := range m.runs {
		one := watching{Trace: w.trace}
		for l := range w.links {
			one.Links = append(one.Links, l)
		}
		all[id] = one
	}
	return all
}

// watching tells whether a run is watched.
func (m *matcher) watching(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	return len(m.runs) > 0
}
