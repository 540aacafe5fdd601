package lambda

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/aws"
)

const latest = "$LATEST"

// reference is a function as a request names it: by name, partial or full ARN,
// with or without a qualifier.
type reference struct {
	functionKey
	qualifier string // "" for none
}

var (
	functionName = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	qualifierRE  = regexp.MustCompile(`^(\$LATEST|\$LATEST\.PUBLISHED|[a-zA-Z0-9-_]{1,128})$`)
	versionRE    = regexp.MustCompile(`^[0-9]+$`)
	accountRE    = regexp.MustCompile(`^[0-9]{12}$`)
)

// refer parses a FunctionName, which may bring its own qualifier, and the separate qualifier of a request.
func refer(ctx context.Context, name *string, qualifier *string) (reference, error) {
	at := requester(ctx)
	ref := reference{functionKey: functionKey{account: at.account, region: at.region}}
	full := deref(name)
	rest := full
	if arn, err := aws.ParseARN(full); err == nil {
		ref.account, ref.region, rest = arn.Account, arn.Region, arn.Resource
		if arn.Service != "lambda" || !strings.HasPrefix(rest, "function:") {
			return ref, badName(full)
		}
		if at.region != "" && ref.region != at.region {
			return ref, resourceNotFound("Functions from '%s' are not reachable in this region ('%s')", ref.region, at.region)
		}
	} else if account, after, ok := strings.Cut(full, ":"); ok && accountRE.MatchString(account) {
		ref.account, rest = account, after
	}
	rest = strings.TrimPrefix(rest, "function:")
	rest, own, qualified := strings.Cut(rest, ":")
	if !functionName.MatchString(rest) || qualified && !qualifierRE.MatchString(own) {
		return ref, badName(full)
	}
	ref.name, ref.qualifier = rest, own
	if q := deref(qualifier); q != "" {
		if ref.qualifier != "" && ref.qualifier != q {
			return ref, invalidParameter("The derived qualifier from the function name does not match the specified qualifier.")
		}
		if !qualifierRE.MatchString(q) {
			return ref, badName(q)
		}
		ref.qualifier = q
	}
	return ref, nil
}

func badName(name string) *aws.Error {
	return aws.ValidationException("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: "+
		"Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?", name)
}

// arn is the function's ARN, with a qualifier unless it is "".
func (k functionKey) arn(qualifier string) string {
	r := "function:" + k.name
	if qualifier != "" {
		r += ":" + qualifier
	}
	return aws.NewARN("lambda", k.region, k.account, r).String()
}

// arn is the function's ARN as the request named it.
func (r reference) arn() string { return r.functionKey.arn(r.qualifier) }

// unqualified refuses a qualifier where an operation works on the function as a whole.
func (r reference) unqualified(operation string) error {
	if r.qualifier != "" && r.qualifier != latest {
		return invalidParameter("%s operation does not support a qualifier in the function name: '%s'", operation, r.qualifier)
	}
	return nil
}

func isVersion(q string) bool { return q == latest || versionRE.MatchString(q) }

func versionNumber(q string) uint64 {
	n, err := strconv.ParseUint(q, 10, 63)
	if err != nil {
		return 0
	}
	return n
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func ptr[T any](v T) *T { return &v }

func formatVersion(n uint64) string { return strconv.FormatUint(n, 10) }

// optional is nil for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
