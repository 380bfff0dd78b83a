package seed

// Tags lists the words that a package can be found by and that a person can
// name as an interest: a closed list, so that the two always meet.
var Tags = []string{
	"hiking", "mountains", "huts", "snow", "northern lights",
	"beaches", "islands", "lakes", "boats",
	"cities", "museums", "music", "history", "night trains",
	"food", "wine", "wellness", "gardens",
	"family", "cycling", "wildlife", "desert",
}
