package learn

// all lists the lessons, in the order of the front page.
func (c *Classroom) all() []Lesson {
	return []Lesson{
		c.pkce(),
		c.authorizationCode(),
		c.refreshToken(),
		c.deviceCode(),
		c.clientCredentials(),
		c.jwtBearer(),
		c.tokenExchange(),
		c.implicit(),
		c.password(),
	}
}
