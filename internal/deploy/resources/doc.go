// Package resources holds the resource types that templates can have.
//
// Each type is a row of types.txt (which properties there are, which of them
// force a replacement, what Fn::GetAtt knows) and a few functions that call
// AWS's API by the SDK. Nothing here knows that the services behind the endpoint
// are ours: the same code would deploy to AWS.
//
// Most properties carry the name and form of the member of the API's input they
// become, so they are bound by reflection (see bind); only what differs is
// written down.
package resources
