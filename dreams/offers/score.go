package offers

import "time"

// Make chooses the three to five best packages for a person.
func Make(m Material, now time.Time) Offers {
	return Offers{Name: m.Name, MadeAt: now}
}
