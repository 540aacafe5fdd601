package s3

// subresources are the query parameters that choose an operation, in the order
// in which they are looked for.
var subresources = []string{
	"uploadId", "uploads", "partNumber", "delete", "tagging", "acl", "attributes", "policy", "policyStatus", "cors", "lifecycle",
	"encryption", "publicAccessBlock", "ownershipControls", "notification", "versioning", "versions", "location",
	"accelerate", "requestPayment", "logging", "website", "replication", "object-lock", "analytics", "inventory",
	"metrics", "intelligent-tiering", "legal-hold", "retention", "restore", "select", "torrent", "session",
	"metadataConfiguration", "metadataTable", "metadataInventoryTable", "metadataJournalTable", "renameObject", "abac",
}

// refused says why a subresource has no operations, or not all.
var refused = map[string]string{
	"versioning":             "objects have one version",
	"accelerate":             "there is no edge to accelerate from",
	"requestPayment":         "nobody pays",
	"logging":                "access is logged by the platform",
	"website":                "buckets are not served as websites",
	"replication":            "there is one store",
	"object-lock":            "objects can always be deleted",
	"legal-hold":             "objects can always be deleted",
	"retention":              "objects can always be deleted",
	"analytics":              "there are no storage reports",
	"inventory":              "there are no storage reports",
	"metrics":                "there are no storage reports",
	"intelligent-tiering":    "there is one storage class",
	"restore":                "there is one storage class",
	"select":                 "objects are not queried",
	"torrent":                "objects are not seeded",
	"session":                "there are no directory buckets",
	"renameObject":           "there are no directory buckets",
	"metadataConfiguration":  "there are no metadata tables",
	"metadataTable":          "there are no metadata tables",
	"metadataInventoryTable": "there are no metadata tables",
	"metadataJournalTable":   "there are no metadata tables",
	"abac":                   "access is decided by policies",
}

var copyObject = operation{"CopyObject", "s3:PutObject", (*call).copyObject}

// bucketOperations by method and subresource.
var bucketOperations = map[string]operation{
	"PUT ":                     {"CreateBucket", "", (*call).createBucket},
	"DELETE ":                  {"DeleteBucket", "", (*call).deleteBucket},
	"HEAD ":                    {"HeadBucket", "s3:ListBucket", (*call).headBucket},
	"GET ":                     {"ListObjects", "s3:ListBucket", (*call).listObjects},
	"GET location":             {"GetBucketLocation", "", (*call).getLocation},
	"GET versioning":           {"GetBucketVersioning", "", (*call).getVersioning},
	"GET versions":             {"ListObjectVersions", "s3:ListBucketVersions", (*call).listVersions},
	"GET uploads":              {"ListMultipartUploads", "s3:ListBucketMultipartUploads", (*call).listUploads},
	"POST delete":              {"DeleteObjects", "s3:DeleteObject", (*call).deleteObjects},
	"GET acl":                  {"GetBucketAcl", "", (*call).getACL},
	"PUT acl":                  {"PutBucketAcl", "", (*call).putACL},
	"GET policyStatus":         {"GetBucketPolicyStatus", "", (*call).getPolicyStatus},
	"GET policy":               {"GetBucketPolicy", "", getConfig("policy")},
	"PUT policy":               {"PutBucketPolicy", "", putConfig("policy")},
	"DELETE policy":            {"DeleteBucketPolicy", "", deleteConfig("policy")},
	"GET cors":                 {"GetBucketCors", "s3:GetBucketCORS", getConfig("cors")},
	"PUT cors":                 {"PutBucketCors", "s3:PutBucketCORS", putConfig("cors")},
	"DELETE cors":              {"DeleteBucketCors", "s3:PutBucketCORS", deleteConfig("cors")},
	"GET lifecycle":            {"GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration", getConfig("lifecycle")},
	"PUT lifecycle":            {"PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration", putConfig("lifecycle")},
	"DELETE lifecycle":         {"DeleteBucketLifecycle", "s3:PutLifecycleConfiguration", deleteConfig("lifecycle")},
	"GET encryption":           {"GetBucketEncryption", "s3:GetEncryptionConfiguration", getConfig("encryption")},
	"PUT encryption":           {"PutBucketEncryption", "s3:PutEncryptionConfiguration", putConfig("encryption")},
	"DELETE encryption":        {"DeleteBucketEncryption", "s3:PutEncryptionConfiguration", deleteConfig("encryption")},
	"GET publicAccessBlock":    {"GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", getConfig("publicAccessBlock")},
	"PUT publicAccessBlock":    {"PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock", putConfig("publicAccessBlock")},
	"DELETE publicAccessBlock": {"DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock", deleteConfig("publicAccessBlock")},
	"GET ownershipControls":    {"GetBucketOwnershipControls", "", getConfig("ownershipControls")},
	"PUT ownershipControls":    {"PutBucketOwnershipControls", "", putConfig("ownershipControls")},
	"DELETE ownershipControls": {"DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls", deleteConfig("ownershipControls")},
	"GET tagging":              {"GetBucketTagging", "", getConfig("tagging")},
	"PUT tagging":              {"PutBucketTagging", "", putConfig("tagging")},
	"DELETE tagging":           {"DeleteBucketTagging", "s3:PutBucketTagging", deleteConfig("tagging")},
	"GET notification":         {"GetBucketNotificationConfiguration", "s3:GetBucketNotification", getConfig("notification")},
	"PUT notification":         {"PutBucketNotificationConfiguration", "s3:PutBucketNotification", putConfig("notification")},
}

// objectOperations by method and subresource.
var objectOperations = map[string]operation{
	"PUT ":            {"PutObject", "", (*call).putObject},
	"GET ":            {"GetObject", "", (*call).getObject},
	"HEAD ":           {"HeadObject", "s3:GetObject", (*call).getObject},
	"DELETE ":         {"DeleteObject", "", (*call).deleteObject},
	"GET partNumber":  {"GetObject", "", (*call).getObject},
	"HEAD partNumber": {"HeadObject", "s3:GetObject", (*call).getObject},
	"GET tagging":     {"GetObjectTagging", "", (*call).getTagging},
	"PUT tagging":     {"PutObjectTagging", "", (*call).putTagging},
	"DELETE tagging":  {"DeleteObjectTagging", "", (*call).deleteTagging},
	"GET acl":         {"GetObjectAcl", "", (*call).getACL},
	"PUT acl":         {"PutObjectAcl", "", (*call).putACL},
	"GET attributes":  {"GetObjectAttributes", "", (*call).getAttributes},
	"POST uploads":    {"CreateMultipartUpload", "s3:PutObject", (*call).createUpload},
	"PUT uploadId":    {"UploadPart", "s3:PutObject", (*call).uploadPart},
	"GET uploadId":    {"ListParts", "s3:ListMultipartUploadParts", (*call).listParts},
	"POST uploadId":   {"CompleteMultipartUpload", "s3:PutObject", (*call).completeUpload},
	"DELETE uploadId": {"AbortMultipartUpload", "", (*call).abortUpload},
}
