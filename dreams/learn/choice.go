package learn

import (
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/views"
)

// choices is the decision tree: to ask in this order, until the first yes.
var choices = []page.Choice{
	{Question: "Do you hold a token already, and want to pass on less than it can do?",
		Short: []string{"A token in hand, and", "less of it to pass on?"}, Lesson: views.Link{Label: "Token exchange", Href: "/learn/token-exchange"}},
	{Question: "Does the data belong to no person?",
		Short: []string{"Nobody’s own data?"}, Lesson: views.Link{Label: "Client credentials", Href: "/learn/client-credentials"}},
	{Question: "Is the person away, and did they let you come back?",
		Short: []string{"Person away, and you", "may come back?"}, Lesson: views.Link{Label: "Refresh token", Href: "/learn/refresh-token"}},
	{Question: "Is the person away, and did they let another system of yours sign for them?",
		Short: []string{"Person away, and you", "may sign for them?"}, Lesson: views.Link{Label: "JWT bearer", Href: "/learn/jwt-bearer"}},
	{Question: "Is the person there, at something without a browser or a keyboard?",
		Short: []string{"At a thing without", "browser or keyboard?"}, Lesson: views.Link{Label: "Device code", Href: "/learn/device-code"}},
	{Question: "Is the person there, at a browser, whatever kind of app you are?",
		Short: []string{"At a browser?"}, Lesson: views.Link{Label: "Code with PKCE", Href: "/learn/pkce"}},
}

// never is what those questions lead nobody to.
var never = []views.Link{
	{Label: "Authorization code without PKCE", Href: "/learn/authorization-code"},
	{Label: "Implicit", Href: "/learn/implicit"},
	{Label: "Password", Href: "/learn/password"},
}
