package sqs

// Absent names the operations of the API that this service does not have, with
// the reason. There are none.
var Absent = map[string]string{}
