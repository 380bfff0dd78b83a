package site

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/page"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/seed"
	"example.com/acme-dreams/views"
)

func (s *Site) me(c echo.Context) error {
	preferences, err := s.store.Preferences(c.Request().Context(), s.person(c).Sub)
	if err != nil {
		return err
	}
	budget := ""
	if preferences.BudgetMax > 0 {
		budget = strconv.Itoa(preferences.BudgetMax)
	}
	return s.showMe(c, http.StatusOK, preferencesForm(preferences, budget))
}

func (s *Site) showMe(c echo.Context, status int, form page.PreferencesForm) error {
	ctx, who := c.Request().Context(), s.person(c)
	profile, err := s.store.Profile(ctx, who.Sub)
	if err != nil {
		return err
	}
	posts, err := s.store.Posts(ctx, who.Sub)
	if err != nil {
		return err
	}
	v := page.Me{
		Notice: said(c),
		Profile: []views.Fact{
			{Term: "Name", Text: profile.Name},
			{Term: "E-mail", Text: orElse(profile.Email, "not known")},
			{Term: "Known as", Detail: views.Code(profile.Sub)},
		},
		Preferences:   form,
		ConnectedApps: s.connectedApps(),
		Accounts:      s.env.AuthserverURL.Host(),
		DreamsURL:     s.env.DreamsURL.String(),
	}
	if v.Looks, err = s.newestLooks(c, who.Sub); err != nil {
		return err
	}
	for _, p := range posts {
		v.Posts = append(v.Posts, postLine(p))
	}
	return s.render(c, status, page.MePage(s.frame(c, "What Acme knows about you"), v))
}

func postLine(p travel.Post) page.PostLine {
	line := page.PostLine{Title: p.Title, Href: postPath(p.ID), Published: p.Published, State: "Unpublished"}
	if p.Published {
		line.State = "Published " + date(p.CreatedAt)
	}
	if n := len(p.Pictures); n > 1 {
		line.State += " · " + strconv.Itoa(n) + " pictures"
	}
	if all := pictures(line.Href, p); len(all) > 0 {
		line.Picture = all[0].URL
	}
	return line
}

// preferencesForm shows every tag of the catalogue, and what a person named
// beside those through the API: it is hers, and saving must not lose it.
func preferencesForm(p travel.Preferences, budget string) page.PreferencesForm {
	form := page.PreferencesForm{Budget: budget}
	interests := slices.Clone(seed.Tags)
	for _, own := range p.Interests {
		if !slices.Contains(interests, own) {
			interests = append(interests, own)
		}
	}
	for _, tag := range interests {
		form.Interests = append(form.Interests, page.Choice{Value: tag, Label: tag, Chosen: slices.Contains(p.Interests, tag)})
	}
	form.TravelsWith = []page.Choice{{Value: "", Label: "rather not say", Chosen: p.TravelsWith == ""}}
	for _, company := range travel.Company {
		form.TravelsWith = append(form.TravelsWith, page.Choice{Value: company, Label: companyWords[company], Chosen: company == p.TravelsWith})
	}
	for m := travel.Month(1); m <= 12; m++ {
		form.Months = append(form.Months, page.Choice{Value: strconv.Itoa(int(m)), Label: m.String(), Chosen: slices.Contains(p.Months, m)})
	}
	return form
}

var companyWords = map[string]string{
	"alone": "nobody: alone", "partner": "a partner", "friend": "a friend", "family": "family", "group": "a group",
}

func (s *Site) savePreferences(c echo.Context) error {
	values, err := c.FormParams()
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "the form cannot be read")
	}
	typed := travel.Preferences{Interests: values["interests"], TravelsWith: values.Get("travels_with")}
	var faults []views.FieldError
	for _, month := range values["months"] {
		m, err := travel.ParseMonth(month)
		if err != nil {
			faults = append(faults, views.FieldError{Field: "months", Text: "The months are not ones that we know."})
			break
		}
		typed.Months = append(typed.Months, m)
	}
	budget := strings.TrimSpace(values.Get("budget"))
	if typed.BudgetMax, err = readBudget(budget); err != nil {
		faults = append(faults, views.FieldError{Field: "budget", Text: "Write the budget in whole euros, such as 800."})
	}
	if _, err := typed.Validate(); err != nil {
		faults = append(faults, problems(err)...)
	}
	if len(faults) == 0 {
		_, err := s.store.PutPreferences(c.Request().Context(), s.person(c).Sub, typed)
		if err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/me?said=preferences#main")
	}
	form := preferencesForm(typed, values.Get("budget"))
	form.Errors = faults
	return s.showMe(c, http.StatusUnprocessableEntity, form)
}

// readBudget takes what people write: 800, €800, 1,200.
func readBudget(typed string) (int, error) {
	typed = strings.TrimSpace(strings.TrimPrefix(typed, "€"))
	if typed == "" {
		return 0, nil
	}
	if thousands, rest, found := strings.Cut(typed, ","); found && len(rest) == 3 {
		typed = thousands + rest
	}
	return strconv.Atoi(typed)
}

const recommendations = 6

// recommended is Acme's own use of its own data, for the person herself: no
// OAuth is in it, and the page says why.
func (s *Site) recommended(c echo.Context) error {
	ctx, who := c.Request().Context(), s.person(c)
	preferences, err := s.store.Preferences(ctx, who.Sub)
	if err != nil {
		return err
	}
	best, err := s.store.Recommendations(ctx, who.Sub, recommendations)
	if err != nil {
		return err
	}
	v := page.Recommended{Name: who.Name, Said: saidAbout(preferences), DreamsURL: s.env.DreamsURL.String()}
	for _, r := range best {
		v.Picks = append(v.Picks, page.Pick{Card: postcard(r.Package), Reasons: r.Reasons})
	}
	return s.render(c, http.StatusOK, page.RecommendedPage(s.frame(c, "For you"), v))
}

// saidAbout is what a person told us, in her words as far as we have them.
func saidAbout(p travel.Preferences) []string {
	var all []string
	if len(p.Interests) > 0 {
		all = append(all, strings.Join(p.Interests, ", "))
	}
	if p.BudgetMax > 0 {
		all = append(all, "up to "+price(p.BudgetMax))
	}
	if p.TravelsWith != "" {
		all = append(all, "with "+companyWords[p.TravelsWith])
	}
	if len(p.Months) > 0 {
		all = append(all, "in "+monthsInWords(p.Months))
	}
	return all
}
