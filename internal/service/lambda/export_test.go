package lambda

// Unzip and Refer are open to tests that feed them hostile input.
var (
	Unzip = unzip
	Refer = refer
)

// ARN is the name a reference has in full.
func (r reference) ARN() string { return r.arn() }

// ARNLike is the matching of source ARNs in resource policies.
var ARNLike = arnLike
