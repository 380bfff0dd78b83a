package learn

import "slices"

// all lists the lessons, in the order of the front page.
func (c *Classroom) all() []Lesson { return slices.Concat(c.grants(), c.besides()) }

// grants are the ways to a token.
func (c *Classroom) grants() []Lesson {
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

// besides is what goes around them.
func (c *Classroom) besides() []Lesson {
	return []Lesson{
		c.pushedRequest(),
		c.requestObject(),
		c.authorizationDetails(),
		c.dpop(),
		c.resourceIndicators(),
		c.issuer(),
		c.resourceMetadata(),
		c.registration(),
		c.stepUp(),
		c.logout(),
		c.introspection(),
		c.fapi2(),
	}
}
