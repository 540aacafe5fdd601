// Package attr holds DynamoDB's attribute values: the ten types, their JSON
// form, their stored form, their order as keys and their size as AWS bills it.
//
// A Value is four words. Scalars live in its string; lists, maps and sets hang
// off one pointer:
//
//	┌──────┬─────────────┬───────────┐
//	│ kind │ text        │ container │
//	└──────┴─────────────┴───────────┘
//	  S      the string
//	  N      the number in canonical plain decimal
//	  B      the bytes
//	  BOOL   "1" or ""
//	  NULL   –
//	  SS NS BS             members, canonical and in order
//	  L                    elements
//	  M                    fields, in order of name
//
// Values that came over the wire are raw: decoding accepts everything that has
// the shape of a value, so that a handler can check the rest of its request in
// AWS's order. Normalize then applies DynamoDB's rules and brings numbers, sets
// and maps into canonical form. Every other function expects normalized values.
//
// Because the canonical form is unique, two values are equal exactly when their
// stored bytes are, which is how a write that changes nothing is recognised.
package attr
