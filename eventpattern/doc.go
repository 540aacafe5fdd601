// Package eventpattern is the filter language of AWS Lambda's event source
// mappings (and of Amazon EventBridge, from which Lambda took it): compile a
// pattern once, then match raw JSON texts against it without parsing them into
// a tree and without allocating.
//
// A pattern has the shape of the events it selects. Objects nest; the leaves
// are arrays of rules:
//
//	{"body": {"newStatus": ["DRAFT", "APPROVED"],          // either value
//	          "amount":    [{"numeric": [">", 0, "<=", 5]}]}}
//
// Fields of one object must all match, rules of one array are alternatives, and
// {"$or": [{…}, {…}]} makes alternatives of whole objects. The rules:
//
//	"text", ""                    the string, exactly
//	100                           a number written exactly so: 100.0 and 1e2 differ
//	true, false, null             the literal
//	{"prefix": "ab"}              a string that begins so; "suffix" likewise
//	{"equals-ignore-case": "ab"}  a string, case folded
//	{"anything-but": ["a", "b"]}  present and none of these (strings or numbers)
//	{"numeric": [">=", 1, "<", 9]}  a number in the range; also "=" alone
//	{"exists": true}              the field is there with a value that is no object;
//	                              false: it is not
//
// Where the event has an array, its elements are alternatives. Fields of one
// nested object must then be found in the same element.
//
// EventBridge knows more than Lambda documents: "wildcard", "cidr", and objects
// inside "prefix", "suffix" and "anything-but". They are refused unless the
// option EventBridge is given.
//
// # How it works
//
// The pattern becomes a trie of field names. One pass over the JSON text keeps
// a cursor in the trie: a field that no pattern names is skipped (but still
// checked, since a text that is not JSON matches nothing), a leaf sets a bit,
// and the end of an object turns the bits of its fields into one bit for the
// object. Several patterns share one trie and one pass (see Set).
//
//	text   {"metadata":{…},"body":{"newStatus":"DRAFT","id":7}}
//	trie   root ── body ── newStatus    bit 1: leaf, bit 0: object body
package eventpattern
