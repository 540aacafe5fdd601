package lambda

// Absent are the operations of AWS Lambda that are not here, with the reason. Those
// on event source mappings belong to package eventsource.
var Absent = map[string]string{
	"InvokeWithResponseStream":               "response streaming to clients is not built yet; streaming handlers answer Invoke in one piece",
	"CreateCodeSigningConfig":                codeSigning,
	"DeleteCodeSigningConfig":                codeSigning,
	"DeleteFunctionCodeSigningConfig":        codeSigning,
	"GetCodeSigningConfig":                   codeSigning,
	"ListCodeSigningConfigs":                 codeSigning,
	"ListFunctionsByCodeSigningConfig":       codeSigning,
	"PutFunctionCodeSigningConfig":           codeSigning,
	"UpdateCodeSigningConfig":                codeSigning,
	"GetFunctionRecursionConfig":             recursion,
	"PutFunctionRecursionConfig":             recursion,
	"GetFunctionScalingConfig":               capacity,
	"PutFunctionScalingConfig":               capacity,
	"CreateCapacityProvider":                 capacity,
	"DeleteCapacityProvider":                 capacity,
	"GetCapacityProvider":                    capacity,
	"ListCapacityProviders":                  capacity,
	"ListFunctionVersionsByCapacityProvider": capacity,
	"UpdateCapacityProvider":                 capacity,
	"CheckpointDurableExecution":             durable,
	"GetDurableExecution":                    durable,
	"GetDurableExecutionHistory":             durable,
	"GetDurableExecutionState":               durable,
	"ListDurableExecutionsByFunction":        durable,
	"SendDurableExecutionCallbackFailure":    durable,
	"SendDurableExecutionCallbackHeartbeat":  durable,
	"SendDurableExecutionCallbackSuccess":    durable,
	"StopDurableExecution":                   durable,
	"DeleteDurableExecution":                 durable,
	"PauseDurableExecution":                  durable,
	"ResumeDurableExecution":                 durable,
	"DeleteResourcePolicy":                   wholePolicies,
	"GetResourcePolicy":                      wholePolicies,
	"PutResourcePolicy":                      wholePolicies,
}

const (
	codeSigning   = "code signing is not checked here"
	recursion     = "recursive loops are not detected"
	capacity      = "there are no managed instances: functions run on this machine"
	durable       = "durable functions are not built yet"
	wholePolicies = "policies are edited statement by statement with AddPermission and RemovePermission"
)
