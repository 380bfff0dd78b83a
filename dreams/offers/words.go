package offers

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reading posts is kept so simple that a person can check it with a finger on
// the text: a word of the package (a tag, a word of its destination, title or
// summary) counts if the post has the same word, whatever its ending in -s or
// -ing and whatever its capitals. Nothing is understood: "never again a beach"
// speaks of beaches.

// term is a word of a package, or two ("night trains"), that a post may hold.
type term struct {
	shown  string   // as the package spells it
	stems  []string // what has to stand in the post, one after another
	points float64
}

// terms of a package, each once: a word that is both tag and title counts as
// the tag.
func (p Package) terms() []term {
	var all []term
	for _, tag := range p.Tags {
		all = addTerm(all, tag, tagWordPoints)
	}
	for _, w := range telling(p.Destination) {
		if !commonPlaceWords[w.stem] {
			all = addTerm(all, w.shown, placeWordPoints)
		}
	}
	for _, w := range telling(p.Title) {
		all = addTerm(all, w.shown, titleWordPoints)
	}
	for _, w := range telling(p.Summary) {
		all = addTerm(all, w.shown, summaryWordPoints)
	}
	return all
}

func addTerm(all []term, shown string, points float64) []term {
	t := term{shown: oneLine(shown), points: points}
	for _, w := range words(shown) {
		t.stems = append(t.stems, w.stem)
	}
	known := func(other term) bool { return slices.Equal(other.stems, t.stems) }
	if len(t.stems) == 0 || slices.ContainsFunc(all, known) {
		return all
	}
	return append(all, t)
}

// article is a post, cut into words once and asked about by every package.
type article struct {
	Post
	title, body text
}

func newArticle(p Post) article {
	p.Title = oneLine(p.Title)
	p.Body = strings.ToValidUTF8(p.Body, "")
	return article{Post: p, title: newText(p.Title), body: newText(p.Body)}
}

// mention is a term that an article holds. Word is where in the body; where
// only the title has it, inTitle is true.
type mention struct {
	term
	word    word
	inTitle bool
}

// mentions are the package's terms that the article holds, the strongest first.
func (a article) mentions(terms []term) []mention {
	var found []mention
	for _, t := range terms {
		if w, ok := a.body.find(t.stems); ok {
			found = append(found, mention{term: t, word: w})
		} else if _, ok := a.title.find(t.stems); ok {
			found = append(found, mention{term: t, inTitle: true})
		}
	}
	slices.SortStableFunc(found, func(x, y mention) int { return cmp.Compare(y.points, x.points) })
	return found
}

// text is a run of words that can be asked where a stem stands.
type text struct {
	words []word
	at    map[string][]int // by stem
}

func newText(s string) text {
	t := text{words(s), map[string][]int{}}
	for i, w := range t.words {
		t.at[w.stem] = append(t.at[w.stem], i)
	}
	return t
}

// find returns the word at which the stems first stand one after another.
func (t text) find(stems []string) (word, bool) {
	same := func(w word, stem string) bool { return w.stem == stem }
	for _, i := range t.at[stems[0]] {
		end := i + len(stems)
		if end <= len(t.words) && slices.EqualFunc(t.words[i:end], stems, same) {
			return t.words[i], true
		}
	}
	return word{}, false
}

// word is a word of a text: as written, as compared, and where.
type word struct {
	shown, stem string
	start, end  int // byte offsets
}

// telling are the words of a text that say something.
func telling(text string) []word {
	return slices.DeleteFunc(words(text), func(w word) bool {
		return utf8.RuneCountInString(w.shown) < shortest || stopWords[w.stem]
	})
}

// shortest is the least number of letters of a telling word.
const shortest = 3

// words cuts a text at everything that is not a letter.
func words(text string) []word {
	var all []word
	start := -1
	add := func(end int) {
		if start >= 0 {
			all = append(all, word{text[start:end], stem(strings.ToLower(text[start:end])), start, end})
		}
		start = -1
	}
	for i, r := range text {
		switch letter := unicode.IsLetter(r) || unicode.IsMark(r); {
		case letter && start < 0:
			start = i
		case !letter:
			add(i)
		}
	}
	add(len(text))
	return all
}

// stem takes plural and -ing endings off a lower-case word, so that "hikes",
// "hiking" and "hike" are the same. What is left need not be a word.
func stem(word string) string {
	word = singular(word)
	if base, ok := strings.CutSuffix(word, "ing"); ok && utf8.RuneCountInString(base) >= 3 && strings.ContainsAny(base, "aeiouy") {
		word = single(base) // swimming, swim
	}
	if utf8.RuneCountInString(word) > 3 {
		word = strings.TrimSuffix(word, "e") // hike, hiking
	}
	return word
}

func singular(word string) string {
	if utf8.RuneCountInString(word) <= 3 {
		return word
	}
	for _, ending := range []string{"ss", "us", "is"} {
		if strings.HasSuffix(word, ending) {
			return word // wellness, bus, oasis
		}
	}
	if base, ok := strings.CutSuffix(word, "ies"); ok && utf8.RuneCountInString(base) > 1 {
		return base + "y" // cities
	}
	for _, ending := range []string{"ches", "shes", "sses", "xes"} {
		if strings.HasSuffix(word, ending) {
			return strings.TrimSuffix(word, "es") // beaches
		}
	}
	return strings.TrimSuffix(word, "s")
}

// single takes one of two equal consonants off the end.
func single(base string) string {
	n := len(base)
	if n >= 2 && base[n-1] == base[n-2] && strings.IndexByte("bdgmnprt", base[n-1]) >= 0 {
		return base[:n-1]
	}
	return base
}

// stopWords say nothing about where somebody wants to go. Like all words they
// are compared as stems.
var stopWords = stemSet(`
	about after again all almost along also always and another any anything are around away back because been
	before being best better between both but came can come could day days did does done down each early enough
	even every everybody everything far few first five for four from get gets go goes going gone good great had
	half has have her here him his how into its just keep kind last later least left less let like little long
	look made make many may means mind mine more most much must name never new next nine nobody not nothing now off
	once one only open other our out over own part people perhaps put quite really right said same saw say says
	see seven several shall she should side since six slept small some somebody something still stop such take
	ten than that the their them then there these they thing things this those three through time too took two
	under until very want was way week weeks well went were what when where which while who why will with without
	word words worth would year years yes yet you your night nights morning evening today tomorrow trip trips
	travel journey holiday holidays vacation hour hours hotel euros money`)

// commonPlaceWords stand in a destination and name no place.
var commonPlaceWords = stemSet(`lake valley national park isle island high low north south east west saint city
	coast bay river region`)

func stemSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[stem(w)] = true
	}
	return set
}

// longestQuote is how many characters of a post a reason repeats at most.
const longestQuote = 140

// quote returns the sentence that the word stands in, shortened around the
// word, without the marks of Markdown.
func quote(body string, w word) string {
	start, end := 0, len(body)
	for _, at := range sentenceEnd.FindAllStringIndex(body, -1) {
		if at[1] <= w.start {
			start = at[1]
		} else if at[0] >= w.end {
			end = at[1]
			break
		}
	}
	before, after := plain(body[start:w.start]), plain(body[w.end:end])
	room := longestQuote - utf8.RuneCountInString(w.shown)
	if utf8.RuneCountInString(before)+utf8.RuneCountInString(after) > room {
		before, after = lastRunes(before, room/2), firstRunes(after, room/2)
	}
	return strings.TrimLeft(oneLine(before+w.shown+after), "- ")
}

// sentenceEnd is a line end, or a full stop or the like with a space after it:
// not the point in 6.8 kilos.
var sentenceEnd = regexp.MustCompile(`[.!?]+\s|\n`)

// plain drops Markdown's emphasis, code, heading and quotation marks.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("*_`#>", r) {
			return -1
		}
		return r
	}, s)
}

func firstRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	cut := string([]rune(s)[:max(n, 0)])
	if i := strings.LastIndexByte(cut, ' '); i > 0 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:") + "…"
}

func lastRunes(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	cut := string(runes[len(runes)-max(n, 0):])
	if i := strings.IndexByte(cut, ' '); i >= 0 && i < len(cut)-1 {
		cut = cut[i+1:]
	}
	return "…" + cut
}

// oneLine makes one line of a stranger's text: no control character, no line
// end, no mark that turns the writing direction reaches a page or a header.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
