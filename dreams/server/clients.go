package server

import (
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/site"
	"example.com/acme-dreams/dreams/spa"
	"example.com/acme-dreams/dreams/store"
	"example.com/acme-dreams/dreams/tv"
	"example.com/acme-dreams/dreams/widget"
	"example.com/acme-dreams/internal/program"
	"example.com/acme-dreams/views"
)

// clients are what Dreams is besides its website: each one a client of its own
// at the authorization server.
type clients struct {
	tv     *tv.Television
	spa    *spa.App
	widget *widget.Widget
}

func newClients(c program.Config, accounts *flow.AuthorizationServer) clients {
	return clients{
		tv:     tv.New(c.Env, c.Log, c.Now, c.Random, c.Back, accounts),
		spa:    &spa.App{Env: c.Env, Server: accounts},
		widget: &widget.Widget{Env: c.Env, Server: accounts},
	}
}

// connectTo lists the origins that scripts of a path may call: two pages may
// call the other programs, and no other page anybody.
func (c clients) connectTo(path string) []string {
	return append(c.spa.ConnectTo(path), c.widget.ConnectTo(path)...)
}

func (c clients) mount(e *echo.Echo, pages *site.Site) {
	add := func(method, path string, handle func(echo.Context, func(string) views.Frame) error) {
		e.Add(method, path, pages.Page(func(c echo.Context, _ store.Connection, frame func(string) views.Frame) error {
			return handle(c, frame)
		}))
	}
	for _, route := range c.tv.Routes() {
		add(route.Method, route.Path, route.Handler)
	}
	for _, route := range c.spa.Routes() {
		add(route.Method, route.Path, route.Handler)
	}
	for _, route := range c.widget.Routes() {
		add(route.Method, route.Path, route.Handler)
	}
}
