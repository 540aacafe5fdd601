package lambda

import (
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// function is a function as it is stored.
type function struct {
	Latest      config
	LastVersion uint64 // the number published last; never given again
	Tags        map[string]string
	Reserved    *int32 // reserved concurrency
	Aliases     map[string]*alias
	Policies    map[string]*resourcePolicy // by qualifier, "" for the function itself
	URLs        map[string]*functionURL    // by qualifier: "" or an alias
	Events      map[string]*eventConfig    // asynchronous invocation, by qualifier, $LATEST for none
	Provisioned map[string]*provisioned    // by alias or version
	UpdateOn    map[string]types.UpdateRuntimeOn
}

// config is one version of a function's settings and code.
type config struct {
	Version          string
	Description      string
	Runtime          string
	Handler          string
	Role             string
	Memory           int32
	Timeout          int32
	EphemeralStorage int32
	Architecture     string
	Environment      map[string]string
	Layers           []string
	DeadLetter       string
	Tracing          types.TracingMode
	SnapStart        types.SnapStartApplyOn
	Logging          loggingConfig
	VPC              *types.VpcConfig
	KMSKey           string
	Code             code
	LastModified     string
	RevisionID       string
}

type loggingConfig struct {
	JSON               bool
	AppLevel, SysLevel string
	Group              string
}

// code says where a version's code is.
type code struct {
	SHA256 string // hex: of the zip, or of a folder's content
	Size   int64
	// Unzipped is what it takes unpacked.
	Unzipped int64
	// Folder is set for code that is a folder of this machine, built in place of unpacked.
	Folder string `json:",omitempty"`
	// Built is the directory of the folder's build that a published version is bound to.
	Built string `json:",omitempty"`
}

type alias struct {
	Version     string
	Description string
	Weights     map[string]float64 // of at most one further version
	RevisionID  string
}

type provisioned struct {
	Requested    int32
	LastModified string
}

type eventConfig struct {
	MaxAge       *int32
	MaxRetries   *int32
	OnSuccess    string
	OnFailure    string
	LastModified time.Time
}

func keyOfFunction(k functionKey) []byte {
	return kv.Key(kv.SpaceLambda, "f", k.account, k.region, k.name)
}

func prefixOfVersions(k functionKey) []byte {
	return kv.Key(kv.SpaceLambda, "v", k.account, k.region, k.name)
}

func keyOfVersion(k functionKey, n uint64) []byte { return kv.Append(prefixOfVersions(k), n) }

// getRecord reads a record, nil if there is none.
func getRecord[T any](r kv.Reader, key []byte) (*T, error) {
	rec, _, err := record.Load[T](r, key)
	return rec, err
}

// scanFunctions visits every function of every account and region.
func scanFunctions(r kv.Reader, visit func(functionKey, *function) error) error {
	return scanFunctionsIn(r, kv.Key(kv.SpaceLambda, "f"), visit)
}

func scanFunctionsIn(r kv.Reader, prefix []byte, visit func(functionKey, *function) error) error {
	return scanRange(r, kv.PrefixRange(prefix), visit)
}

func scanRange(r kv.Reader, rng kv.Range, visit func(functionKey, *function) error) error {
	return r.Scan(rng, func(key, value []byte) error {
		d := kv.DecodeKey(key, 1)
		_ = d.String() // "f"
		k := functionKey{account: d.String(), region: d.String(), name: d.String()}
		if err := d.Err(); err != nil {
			return fmt.Errorf("%w: lambda function key", kv.ErrCorrupt)
		}
		f := new(function)
		if err := record.Unmarshal(value, f); err != nil {
			return err
		}
		return visit(k, f)
	})
}

// configuration is a version as the API shows it; qualifier is the one its ARN carries.
func (c *config) configuration(k functionKey, qualifier string) *types.FunctionConfiguration {
	out := &types.FunctionConfiguration{
		FunctionName: &k.name, FunctionArn: ptr(k.arn(qualifier)), Version: &c.Version, Description: &c.Description,
		Runtime: types.Runtime(c.Runtime), Handler: optional(c.Handler), Role: &c.Role, MemorySize: &c.Memory, Timeout: &c.Timeout,
		EphemeralStorage: &types.EphemeralStorage{Size: &c.EphemeralStorage}, Architectures: []types.Architecture{types.Architecture(c.Architecture)},
		CodeSha256: ptr(c.Code.sha256Base64()), CodeSize: c.Code.Size, LastModified: &c.LastModified, RevisionId: &c.RevisionID,
		PackageType: types.PackageTypeZip, State: types.StateActive, LastUpdateStatus: types.LastUpdateStatusSuccessful,
		TracingConfig: &types.TracingConfigResponse{Mode: c.Tracing},
		SnapStart:     &types.SnapStartResponse{ApplyOn: c.SnapStart, OptimizationStatus: types.SnapStartOptimizationStatusOff},
		LoggingConfig: c.Logging.show(k), KMSKeyArn: optional(c.KMSKey),
	}
	if len(c.Environment) > 0 {
		out.Environment = &types.EnvironmentResponse{Variables: maps.Clone(c.Environment)}
	}
	for _, l := range c.Layers {
		out.Layers = append(out.Layers, types.Layer{Arn: ptr(l)})
	}
	if c.DeadLetter != "" {
		out.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: &c.DeadLetter}
	}
	if c.VPC != nil {
		out.VpcConfig = &types.VpcConfigResponse{
			SubnetIds: c.VPC.SubnetIds, SecurityGroupIds: c.VPC.SecurityGroupIds, VpcId: ptr("vpc-leat"), Ipv6AllowedForDualStack: c.VPC.Ipv6AllowedForDualStack,
		}
	}
	return out
}

func (l loggingConfig) show(k functionKey) *types.LoggingConfig {
	out := &types.LoggingConfig{LogFormat: types.LogFormatText, LogGroup: ptr(l.Group)}
	if l.Group == "" {
		out.LogGroup = ptr("/aws/lambda/" + k.name)
	}
	if l.JSON {
		out.LogFormat = types.LogFormatJson
		out.ApplicationLogLevel, out.SystemLogLevel = types.ApplicationLogLevel(l.AppLevel), types.SystemLogLevel(l.SysLevel)
	}
	return out
}

// touch gives the configuration a new revision.
func (s *Service) touch(c *config) { c.LastModified, c.RevisionID = s.now(), newUUID() }

// describe is configuration with what only the store knows: the sizes of layers.
func (s *Service) describe(r kv.Reader, c *config, k functionKey, qualifier string) (*types.FunctionConfiguration, error) {
	out := c.configuration(k, qualifier)
	for i, l := range c.Layers {
		v, err := layerByARN(r, l)
		if err != nil && !aws.IsCode(err, "InvalidParameterValueException") {
			return nil, err
		}
		if v != nil {
			out.Layers[i].CodeSize = v.Code.Size
		}
	}
	return out, nil
}
