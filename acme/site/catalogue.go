package site

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/views"
)

const (
	cardsPerPage = 16 // two walls of postcards
	departures   = 6
)

// picks are the postcards of the front page.
var picks = []string{
	"pk-ljubljana", "pk-silvretta", "pk-cadiz", "pk-lisbon",
	"pk-geiranger", "pk-wadi-rum", "pk-skye", "pk-saimaa",
}

// whole is a search for everything: the catalogue is in memory, and the site's
// pages are numbered.
var whole = travel.Search{Limit: 10_000}

func (s *Site) home(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := s.store.Packages(ctx, whole)
	if err != nil {
		return err
	}
	next, err := s.store.Departures(ctx, departures)
	if err != nil {
		return err
	}
	stories, err := s.store.Stories(ctx, 1)
	if err != nil {
		return err
	}
	v := page.Home{Journeys: len(all.Packages), SignedIn: s.person(c).Sub != "", DreamsURL: s.env.DreamsURL.String()}
	for _, id := range picks {
		p, err := s.store.Package(ctx, id)
		if errors.Is(err, travel.ErrNotFound) {
			continue // the catalogue may be edited
		}
		if err != nil {
			return err
		}
		card := postcard(p)
		card.Stamp = len(v.Postcards) == 0
		v.Postcards = append(v.Postcards, card)
	}
	for _, p := range next {
		v.Departures = append(v.Departures, views.Departure{
			Leaves: shortDate(p.Leaves), Title: p.Title, Href: packagePath(p.ID), From: p.From,
			Nights: strconv.Itoa(p.Nights), Price: price(p.Price),
		})
	}
	if len(stories) > 0 {
		letter := s.storyCard(stories[0])
		v.Letter = &letter
	}
	return s.render(c, http.StatusOK, page.HomePage(s.frame(c, "Holidays by train, boat and boot"), v))
}

// packages is the catalogue. A search that cannot be made says why.
func (s *Site) packages(c echo.Context) error {
	ctx := c.Request().Context()
	v := page.Packages{Query: c.QueryParam("q"), Tag: c.QueryParam("tag"), Everything: "/packages"}
	tags, err := s.store.Tags(ctx)
	if err != nil {
		return err
	}
	v.Tags = tagLinks(tags, v.Tag, v.Query)

	status := http.StatusOK
	search, err := travel.ParseSearch(v.Tag, v.Query, "", "")
	var found []travel.Package
	var invalid travel.Invalid
	switch {
	case errors.As(err, &invalid):
		status, v.Problem = http.StatusUnprocessableEntity, "The search "+invalid[0].Detail+"."
	case err != nil:
		return err
	default:
		search.Limit = whole.Limit
		all, err := s.store.Packages(ctx, search)
		if err != nil {
			return err
		}
		found = all.Packages
	}

	v.Found = foundWords(len(found), v.Query)
	last := max(1, (len(found)+cardsPerPage-1)/cardsPerPage)
	number, _ := strconv.Atoi(c.QueryParam("page"))
	number = min(max(number, 1), last)
	for n := 1; n <= last; n++ {
		v.Pages = append(v.Pages, views.Link{Label: "Page " + strconv.Itoa(n), Href: packagesPath(v.Tag, v.Query, n), Current: n == number})
	}
	for _, p := range found[(number-1)*cardsPerPage : min(number*cardsPerPage, len(found))] {
		v.Postcards = append(v.Postcards, postcard(p))
	}
	title := "All the journeys"
	if search.Tag != "" {
		title = "Journeys: " + search.Tag
	}
	if number > 1 {
		title += ", page " + strconv.Itoa(number)
	}
	return s.render(c, status, page.PackagesPage(s.frame(c, title), v))
}

func foundWords(n int, query string) string {
	words := strconv.Itoa(n) + " journeys"
	if n == 1 {
		words = "1 journey"
	}
	if query != "" {
		words += " for “" + query + "”"
	}
	return words
}

func packagesPath(tag, query string, page int) string {
	values := url.Values{}
	if tag != "" {
		values.Set("tag", tag)
	}
	if query != "" {
		values.Set("q", query)
	}
	if page > 1 {
		values.Set("page", strconv.Itoa(page))
	}
	if len(values) == 0 {
		return "/packages"
	}
	return "/packages?" + values.Encode()
}

func packagePath(id string) string { return "/packages/" + url.PathEscape(id) }

func tagLinks(tags []string, chosen, query string) []views.Link {
	links := []views.Link{{Label: "everything", Href: packagesPath("", query, 1), Current: chosen == ""}}
	for _, tag := range tags {
		links = append(links, views.Link{Label: tag, Href: packagesPath(tag, query, 1), Current: tag == chosen})
	}
	return links
}

func (s *Site) onePackage(c echo.Context) error {
	form := page.ReviewForm{}
	return s.showPackage(c, http.StatusOK, form)
}

// showPackage is the page of a journey, with the review that is being written.
func (s *Site) showPackage(c echo.Context, status int, form page.ReviewForm) error {
	ctx := c.Request().Context()
	p, err := s.store.Package(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	reviews, err := s.store.Reviews(ctx, p.ID)
	if err != nil {
		return err
	}
	place, _, _ := strings.Cut(p.Destination, ",")
	v := page.Package{
		ID: p.ID, Title: p.Title, Place: place, Lead: paragraphs(p.Description), Picture: art(p.Picture),
		Price: price(p.Price), Days: days(p.Days), Rating: p.Rating,
		RatingWords: "from " + travellers(p.ReviewCount),
		Facts: []views.Fact{
			{Term: "Where", Text: p.Destination},
			{Term: "Nights", Text: strconv.Itoa(p.Nights)},
			{Term: "Leaves", Text: longDate(p.Leaves) + ", " + p.From},
			{Term: "Runs in", Text: monthsInWords(p.Months)},
			{Term: "Effort", Text: p.Effort},
		},
		Notice: said(c),
	}
	for _, tag := range p.Tags {
		v.Tags = append(v.Tags, views.Link{Label: tag, Href: packagesPath(tag, "", 1)})
	}
	who := s.person(c)
	if who.Sub == "" {
		v.SignIn = loginFor(packagePath(p.ID))
	}
	for _, r := range reviews {
		v.Reviews = append(v.Reviews, page.Review{Author: r.Author, Date: date(r.CreatedAt), Rating: float64(r.Rating), Text: paragraphs(r.Text)})
		if who.Sub != "" && r.Sub == who.Sub {
			form.Replaces = true
		}
	}
	// The fragment leads a browser without script to what is wrong.
	form.Action, form.Author = packagePath(p.ID)+"/reviews#write", who.Name
	for n := 1; n <= 5; n++ {
		value := strconv.Itoa(n)
		form.Ratings = append(form.Ratings, page.Choice{Value: value, Label: value, Chosen: value == form.Rating})
	}
	v.Form = form
	return s.render(c, status, page.PackagePage(s.frame(c, p.Title, views.Link{Label: "Holidays", Href: "/packages"}, views.Link{Label: p.Title, Current: true}), v))
}

func (s *Site) writeReview(c echo.Context) error {
	form := page.ReviewForm{Rating: c.FormValue("rating"), Text: c.FormValue("text")}
	rating, _ := strconv.Atoi(form.Rating) // none is 0, which no rating is
	id := c.Param("id")
	_, err := s.store.WriteReview(c.Request().Context(), s.person(c).Sub, id, travel.Opinion{Rating: rating, Text: form.Text})
	if faults := problems(err); faults != nil {
		form.Errors = faults
		return s.showPackage(c, http.StatusUnprocessableEntity, form)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, packagePath(id)+"?said=review#reviews")
}

func postcard(p travel.Package) views.PostcardView {
	return views.PostcardView{
		Title: p.Title, Href: packagePath(p.ID), Summary: p.Summary, Picture: art(p.Picture),
		Price: price(p.Price), Nights: nights(p.Nights),
	}
}

func art(name string) string { return views.Asset("art/" + name) }

// price writes 1120 as €1,120.
func price(euros int) string {
	if euros < 1000 {
		return "€" + strconv.Itoa(euros)
	}
	return fmt.Sprintf("€%d,%03d", euros/1000, euros%1000)
}

func nights(n int) string {
	if n == 1 {
		return "1 night"
	}
	return strconv.Itoa(n) + " nights"
}

func travellers(n int) string {
	if n == 1 {
		return "one traveller"
	}
	return strconv.Itoa(n) + " travellers"
}

func date(t time.Time) string { return t.UTC().Format("2 January 2006") }

// shortDate and longDate write an RFC 3339 date for people.
func shortDate(day string) string { return formatDay(day, "02 Jan 2006") }
func longDate(day string) string  { return formatDay(day, "2 January 2006") }

func formatDay(day, layout string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format(layout)
}

// monthsInWords joins neighbours: "March to June, September".
func monthsInWords(months []travel.Month) string {
	var spans []string
	for i := 0; i < len(months); {
		j := i
		for j+1 < len(months) && months[j+1] == months[j]+1 {
			j++
		}
		switch j - i {
		case 0:
			spans = append(spans, months[i].String())
		case 1:
			spans = append(spans, months[i].String(), months[j].String())
		default:
			spans = append(spans, months[i].String()+" to "+months[j].String())
		}
		i = j + 1
	}
	return strings.Join(spans, ", ")
}

// days splits "Landeck to Galtür. Bus, soup." after the first sentence.
func days(lines []string) []page.Day {
	all := make([]page.Day, len(lines))
	for i, line := range lines {
		head, text, found := strings.Cut(line, ". ")
		if found {
			head += "."
		}
		all[i] = page.Day{Head: head, Text: text}
	}
	return all
}

func paragraphs(text string) []string {
	var all []string
	for p := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	return all
}
