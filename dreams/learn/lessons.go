package learn

// all lists the lessons, in the order of the front page.
func (c *Classroom) all() []Lesson {
	return []Lesson{
		c.clientCredentials(),
	}
}
