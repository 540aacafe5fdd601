// Package serverless reads serverless.yml files of the Serverless Framework, in
// the syntax of its versions 3 and 4, and compiles them to CloudFormation: the same
// resources, under the same logical ids and names, as the Framework makes on AWS.
//
//	serverless.yml ──variables──▶ document ──Compile──▶ CloudFormation template
//
// Nothing of Node runs: variables from JavaScript files, plugins and bundlers are
// not there. A plugin is named in a warning; a key whose effect would be lost is
// refused with its place.
package serverless
