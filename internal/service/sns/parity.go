package sns

const (
	noPush    = "mobile push endpoints belong to other vendors' networks"
	noSMS     = "text messages are not sent: they go to the outbox"
	noProtect = "data protection policies inspect messages for personal data; nothing here does"
)

// Absent names the operations of the API that this service does not have, with
// the reason.
var Absent = map[string]string{
	"CheckIfPhoneNumberIsOptedOut":       noSMS,
	"CreatePlatformApplication":          noPush,
	"CreatePlatformEndpoint":             noPush,
	"CreateSMSSandboxPhoneNumber":        noSMS,
	"DeleteEndpoint":                     noPush,
	"DeletePlatformApplication":          noPush,
	"DeleteSMSSandboxPhoneNumber":        noSMS,
	"GetDataProtectionPolicy":            noProtect,
	"GetEndpointAttributes":              noPush,
	"GetPlatformApplicationAttributes":   noPush,
	"GetSMSAttributes":                   noSMS,
	"GetSMSSandboxAccountStatus":         noSMS,
	"ListEndpointsByPlatformApplication": noPush,
	"ListOriginationNumbers":             noSMS,
	"ListPhoneNumbersOptedOut":           noSMS,
	"ListPlatformApplications":           noPush,
	"ListSMSSandboxPhoneNumbers":         noSMS,
	"OptInPhoneNumber":                   noSMS,
	"PutDataProtectionPolicy":            noProtect,
	"SetEndpointAttributes":              noPush,
	"SetPlatformApplicationAttributes":   noPush,
	"SetSMSAttributes":                   noSMS,
	"VerifySMSSandboxPhoneNumber":        noSMS,
}
