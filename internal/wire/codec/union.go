package codec

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	cw "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	streams "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	iam "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/leatdev/leat/internal/wire/model"
)

// A union of aws-sdk-go-v2 is an interface with one struct type per member:
// AttributeValue, AttributeValueMemberS{Value string}. Go cannot list the types
// behind an interface, so they are registered.
type union struct {
	members map[string]reflect.Type // member name -> struct type
	cases   map[reflect.Type]*field // pointer to struct type -> how it travels
	byWire  map[string]*field
}

// errTwoCases is DynamoDB's text; other services' unions are refused the same way.
var errTwoCases = &Error{Message: "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"}

var unions sync.Map // interface type -> map[string]reflect.Type

// RegisterUnion makes interface type I known as a union of the given member
// structs (pointers to them), each with a single field Value. It must run before
// the first value of a type that mentions I travels.
func RegisterUnion[I any](members ...I) {
	t := reflect.TypeFor[I]()
	m := make(map[string]reflect.Type, len(members))
	for _, v := range members {
		mt := reflect.TypeOf(v).Elem()
		m[strings.TrimPrefix(mt.Name(), t.Name()+"Member")] = mt
	}
	unions.Store(t, m)
}

func init() {
	RegisterUnion[ddb.AttributeValue](
		&ddb.AttributeValueMemberB{}, &ddb.AttributeValueMemberBOOL{}, &ddb.AttributeValueMemberBS{},
		&ddb.AttributeValueMemberL{}, &ddb.AttributeValueMemberM{}, &ddb.AttributeValueMemberN{},
		&ddb.AttributeValueMemberNS{}, &ddb.AttributeValueMemberNULL{}, &ddb.AttributeValueMemberS{},
		&ddb.AttributeValueMemberSS{})
	RegisterUnion[streams.AttributeValue](
		&streams.AttributeValueMemberB{}, &streams.AttributeValueMemberBOOL{}, &streams.AttributeValueMemberBS{},
		&streams.AttributeValueMemberL{}, &streams.AttributeValueMemberM{}, &streams.AttributeValueMemberN{},
		&streams.AttributeValueMemberNS{}, &streams.AttributeValueMemberNULL{}, &streams.AttributeValueMemberS{},
		&streams.AttributeValueMemberSS{})
	RegisterUnion[cw.EvaluationCriteria](&cw.EvaluationCriteriaMemberPromQLCriteria{})
	RegisterUnion[cw.EvaluationWindow](&cw.EvaluationWindowMemberSlidingWindow{}, &cw.EvaluationWindowMemberWallClockWindow{})
	RegisterUnion[logs.IntegrationDetails](&logs.IntegrationDetailsMemberOpenSearchIntegrationDetails{})
	RegisterUnion[logs.ResourceConfig](&logs.ResourceConfigMemberOpenSearchResourceConfig{})
	RegisterUnion[iam.PolicyIdentifier](&iam.PolicyIdentifierMemberInlinePolicyIdentifier{}, &iam.PolicyIdentifierMemberPolicyArn{},
		&iam.PolicyIdentifierMemberPolicyType{})
}

func unionOf(t reflect.Type) (map[string]reflect.Type, bool) {
	m, ok := unions.Load(t)
	if !ok {
		return nil, false
	}
	return m.(map[string]reflect.Type), true
}

func (b *builder) union(n *node, members map[string]reflect.Type) error {
	n.union = &union{members: members, cases: map[reflect.Type]*field{}, byWire: map[string]*field{}}
	for name, mt := range members {
		sf, ok := mt.FieldByName("Value")
		if !ok {
			return fmt.Errorf("codec: union member %v has no Value", mt)
		}
		f := &field{name: name, wire: name, index: sf.Index[0]}
		if n.shape != nil {
			if f.member = unionMember(n, name); f.member == nil {
				continue // newer in the SDK than in the model
			}
			f.wire = f.member.WireOr(f.member.Name)
		}
		var err error
		if f.member != nil {
			f.node, err = b.node(sf.Type, f.member.Shape, f.member)
		} else {
			f.node, err = b.node(sf.Type, nil, nil)
		}
		if err != nil {
			return err
		}
		f.jsonKey = append(appendJSONString(nil, f.wire), ':')
		n.union.cases[reflect.PointerTo(mt)] = f
		n.union.byWire[f.wire] = f
	}
	return nil
}

func unionMember(n *node, name string) *model.Member {
	if m := n.shape.Member(name); m != nil {
		return m
	}
	for _, m := range n.shape.Members {
		if strings.EqualFold(m.Name, name) {
			return m
		}
	}
	return nil
}
