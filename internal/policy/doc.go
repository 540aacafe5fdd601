// Package policy reads and evaluates IAM policy documents. It is pure: no
// storage, no clock, no network.
//
// Evaluation follows the user guide's "Policy evaluation logic" for a single
// account: an explicit Deny in any policy wins; otherwise one Allow in an
// identity policy or in the resource's policy is enough; otherwise the request
// is denied. A permissions boundary, where set, must allow as well.
package policy
