// Package local deploys what lies in a folder: it finds the template, points its
// code at the folders of this machine, and hands it to CloudFormation's API like
// any other client.
//
// Code is not zipped. A function's Code becomes the bucket leat-folder with the folder's path as
// key, which the Lambda room understands: it builds the folder, and a hot reload needs no
// upload. The fingerprint of the folder stands as the object's version, so that a deploy after a
// change of code is a change.
package local
