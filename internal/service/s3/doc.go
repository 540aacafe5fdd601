// Package s3 is a small Amazon S3: buckets and objects with what SDKs, the AWS
// CLI, deploys and event-driven systems use of it. Its trade is HTTP, so it is
// an http.Handler of its own; signatures are verified by wire around it.
//
// # Where an object lives
//
// Metadata is in kv, bodies are files beside the store:
//
//	("b", bucket)                   a bucket with its configuration
//	("o", bucket, key)              an object: metadata and the blobs its body is made of
//	("u", bucket, key, upload)      a multipart upload
//	("p", upload, part number)      a part of it
//	("f", blob)                     how many objects and parts use a blob
//	("i", blob)                     the bytes of a small blob, which has no file
//	("e", seq)                      an event that is not delivered yet
//
// A body is written to a new file with a random name, never one a client chose,
// and synced, file and directory, before the transaction that makes it an
// object. So an object is there whole or not at all. What a crash leaves behind,
// files that no ("f", blob) names, is removed by Open. Copying an object and
// completing an upload move no bytes: blobs are counted.
//
// # Reading while others delete
//
// A reader pins an object's blobs; whoever removes the last use of a blob
// unlinks its file only when nobody has it pinned. Pinning happens under
// Service.gc, held for reading from the look at the metadata until the pin is
// set; unlinking holds it for writing.
package s3
