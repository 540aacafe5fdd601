package iam

// Absent lists the operations of IAM and STS that a single account's functions
// and their roles do not need.
var Absent = map[string]string{
	"groups (CreateGroup, AddUserToGroup, …)":                                          "Policies attach to users and roles directly.",
	"instance profiles (CreateInstanceProfile, …)":                                     "There are no instances.",
	"login profiles, MFA devices, SSH keys, certificates":                              "There is no console sign-in.",
	"SAML and OpenID Connect providers, AssumeRoleWithSAML, AssumeRoleWithWebIdentity": "Federation needs an identity provider of its own.",
	"service-linked roles":                                                             "The services here act for themselves.",
	"credential and access reports, account summary, password policy":                  "Nothing here would fill them.",
	"DecodeAuthorizationMessage, GetFederationToken, AssumeRoot":                       "No service here encodes its refusals, and nothing is federated.",
}
