package sns

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

func attr(kind, value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String(kind), StringValue: aws.String(value)}
}

func TestFilterPoliciesOnAttributes(t *testing.T) {
	t.Parallel()
	m := &message{Attributes: map[string]types.MessageAttributeValue{
		"store": attr("String", "example_corp"), "price": attr("Number", "210.75"),
		"interests": attr("String.Array", `["soccer","rugby",true,null,7]`), "ip": attr("String", "10.0.0.7"),
		"bin": {DataType: aws.String("Binary"), BinaryValue: []byte("x")}, "custom": attr("String.url", "x"), "empty": attr("String.Array", "[]"),
	}}
	for policy, want := range map[string]bool{
		`{"store":["example_corp"]}`:                                            true,
		`{"store":["other","example_corp"]}`:                                    true,
		`{"store":["Example_corp"]}`:                                            false,
		`{"store":[{"equals-ignore-case":"EXAMPLE_CORP"}]}`:                     true,
		`{"store":[{"prefix":"exam"}]}`:                                         true,
		`{"store":[{"prefix":"xexam"}]}`:                                        false,
		`{"store":[{"suffix":"corp"}]}`:                                         true,
		`{"store":[{"suffix":"crop"}]}`:                                         false,
		`{"store":[{"wildcard":"ex*_c*p"}]}`:                                    true,
		`{"store":[{"wildcard":"*"}]}`:                                          true,
		`{"store":[{"wildcard":"ex*z"}]}`:                                       false,
		`{"store":[{"anything-but":"x"}]}`:                                      true,
		`{"store":[{"anything-but":["x","example_corp"]}]}`:                     false,
		`{"store":[{"anything-but":{"prefix":"ex"}}]}`:                          false,
		`{"store":[{"anything-but":{"prefix":["zz","yy"]}}]}`:                   true,
		`{"store":[{"anything-but":{"suffix":"corp"}}]}`:                        false,
		`{"store":[{"anything-but":{"equals-ignore-case":["EXAMPLE_CORP"]}}]}`:  false,
		`{"absent":[{"anything-but":"x"}]}`:                                     false,
		`{"price":[210.75]}`:                                                    true,
		`{"price":[210.750001]}`:                                                true,
		`{"price":["210.75"]}`:                                                  false,
		`{"price":[{"numeric":["=",210.75]}]}`:                                  true,
		`{"price":[{"numeric":[">",0,"<=",210.75]}]}`:                           true,
		`{"price":[{"numeric":[">",0,"<",210.75]}]}`:                            false,
		`{"price":[{"numeric":["<",0]}]}`:                                       false,
		`{"price":[{"anything-but":[100,500]}]}`:                                true,
		`{"price":[{"anything-but":210.75}]}`:                                   false,
		`{"interests":["rugby"]}`:                                               true,
		`{"interests":["tennis"]}`:                                              false,
		`{"interests":[true]}`:                                                  true,
		`{"interests":[false]}`:                                                 false,
		`{"interests":[null]}`:                                                  true,
		`{"interests":[7]}`:                                                     true,
		`{"store":[{"exists":true}]}`:                                           true,
		`{"store":[{"exists":false}]}`:                                          false,
		`{"absent":[{"exists":false}]}`:                                         true,
		`{"absent":[{"exists":true}]}`:                                          false,
		`{"bin":[{"exists":true}]}`:                                             false,
		`{"custom":["x"]}`:                                                      true,
		`{"empty":[{"exists":false}]}`:                                          true,
		`{"ip":[{"cidr":"10.0.0.0/24"}]}`:                                       true,
		`{"ip":[{"cidr":"10.0.1.0/24"}]}`:                                       false,
		`{"store":["example_corp"],"price":[1]}`:                                false,
		`{"$or":[{"store":["x"]},{"price":[210.75]}]}`:                          true,
		`{"$or":[{"store":["x"]},{"price":[1]}]}`:                               false,
		`{"$or":[{"store":["x"]},{"$or":[{"price":[1]},{"ip":["10.0.0.7"]}]}]}`: true,
		`{"store":["example_corp"],"$or":[{"price":[1]},{"ip":["x"]}]}`:         false,
		`{"$or":["a"]}`:                                                         false,
	} {
		f, err := compileFilter(policy, false)
		if err != nil {
			t.Errorf("%s: %v", policy, err)
			continue
		}
		if got := f.match(m, parseBody("")); got != want {
			t.Errorf("%s matched: %v, want %v", policy, got, want)
		}
	}
}

func TestFilterPoliciesOnTheBody(t *testing.T) {
	t.Parallel()
	body := `{"a":{"b":"x","n":5,"t":true,"z":null},"list":["p","q"],"items":[{"k":1,"v":"one"},{"k":2,"v":"two"}],"obj":{}}`
	for policy, want := range map[string]bool{
		`{"a":{"b":["x"]}}`:                 true,
		`{"a":{"b":["y"]}}`:                 false,
		`{"a":{"n":[5]}}`:                   true,
		`{"a":{"n":["5"]}}`:                 false,
		`{"a":{"t":[true]}}`:                true,
		`{"a":{"z":[null]}}`:                true,
		`{"list":["q"]}`:                    true,
		`{"list":["r"]}`:                    false,
		`{"items":{"v":["two"]}}`:           true,
		`{"items":{"k":[1],"v":["two"]}}`:   false,
		`{"items":{"k":[2],"v":["two"]}}`:   true,
		`{"none":{"b":[{"exists":false}]}}`: true,
		`{"a":[{"exists":true}]}`:           false,
		`{"a":{"$or":[{"b":["y"]},{"n":[{"numeric":["<",9]}]}]}}`: true,
	} {
		f, err := compileFilter(policy, true)
		if err != nil {
			t.Errorf("%s: %v", policy, err)
			continue
		}
		if got := f.match(&message{Body: body}, parseBody(body)); got != want {
			t.Errorf("%s matched: %v, want %v", policy, got, want)
		}
	}
	f, _ := compileFilter(`{"a":[{"exists":false}]}`, true)
	if f.match(&message{}, parseBody("not json")) {
		t.Error("a body that is not JSON passed")
	}
}

func TestFilterPoliciesThatAreRefused(t *testing.T) {
	t.Parallel()
	values := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprint(i))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	for policy, text := range map[string]string{
		`{`:                                   "failed to parse JSON",
		`null`:                                "must be a JSON object",
		`{"a":"b"}`:                           `"a" must be an object or an array`,
		`{"a":[]}`:                            "Empty arrays are not allowed",
		`{"a":[["b"]]}`:                       "Match value must be String, number, true, false, or null",
		`{"a":[{"between":1}]}`:               "Unrecognized match type between",
		`{"a":[{"prefix":1}]}`:                "prefix match pattern must be a string",
		`{"a":[{"prefix":"x","suffix":"y"}]}`: "Only one key allowed in match expression",
		`{"a":[{"exists":"x"}]}`:              "exists match pattern must be either true or false.",
		`{"a":[{"numeric":["<"]}]}`:           "Too many elements in numeric expression",
		`{"a":[{"numeric":["!",1]}]}`:         "Unrecognized numeric range operator: !",
		`{"a":[{"numeric":["<",1,"<",2]}]}`:   "Bad numeric range operator",
		`{"a":[{"numeric":[">",2,"<",2]}]}`:   "Bottom must be less than top",
		`{"a":[{"numeric":["=","x"]}]}`:       "Value of = must be numeric",
		`{"a":[1000000001]}`:                  "between -1.0E9 and 1.0E9",
		`{"a":[{"cidr":"x"}]}`:                "Malformed CIDR",
		`{"a":[{"wildcard":"a**"}]}`:          "Consecutive wildcard characters",
		`{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`: "Filter policy can not have more than 5 keys",
		`{"a":` + values(151) + `}`:                         "Filter policy is too complex",
		`{"a":{"b":["c"]}}`:                                 "does not support nested filter policy",
		`{"b":[{"prefix":1}],"a":[]}`:                       "Empty arrays are not allowed", // the first fault by name
	} {
		_, err := compileFilter(policy, false)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want …%s…", policy, err, text)
		}
	}
	for _, policy := range []string{`{"a":` + values(150) + `}`, `{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1]}`} {
		if _, err := compileFilter(policy, false); err != nil {
			t.Errorf("%s: %v", policy, err)
		}
	}
	if _, err := compileFilter(`{"a":{"b":{}}}`, true); err == nil || !strings.Contains(err.Error(), "Empty objects are not allowed") {
		t.Error(err)
	}
	if _, err := compileFilter(`{"a":{"b":`+values(76)+`}}`, true); err == nil {
		t.Error("depth does not count")
	}
}

func FuzzFilterPolicies(f *testing.F) {
	f.Add(`{"a":["b",{"prefix":"c"}]}`, `{"a":"cd"}`)
	f.Add(`{"$or":[{"a":[1]},{"b":[{"numeric":[">",1,"<",5]}]}]}`, `{"a":[1,{"x":2}],"b":3}`)
	f.Add(`{"a":{"b":[{"anything-but":{"prefix":["x"]}}]}}`, `{"a":[{"b":null}]}`)
	f.Add(`{"a":[{"wildcard":"*a*b*"}]}`, `{"a":"xxaxxbxx"}`)
	f.Fuzz(func(t *testing.T, policy, body string) {
		for _, onBody := range []bool{false, true} {
			c, err := compileFilter(policy, onBody)
			if err != nil {
				continue
			}
			if !json.Valid([]byte(policy)) {
				t.Fatal("accepted a policy that is not JSON")
			}
			m := &message{Body: body, Attributes: map[string]types.MessageAttributeValue{"a": attr("String.Array", body), "b": attr("Number", body)}}
			if first, second := c.match(m, parseBody(body)), c.match(m, parseBody(body)); first != second {
				t.Fatal("not deterministic")
			}
		}
	})
}

func TestTheManagedScheduleIsAWSs(t *testing.T) {
	t.Parallel()
	var waits []string
	total := 0.0
	for n := 1; ; n++ {
		d, ok := managedRetries.delay(n)
		if !ok {
			if n != 100_016 {
				t.Fatalf("%d retries", n-1)
			}
			break
		}
		total += d.Hours()
		if n <= 16 {
			waits = append(waits, fmt.Sprintf("%.1f", d.Seconds()))
		}
	}
	if got := strings.Join(waits, " "); got != "0.0 0.0 0.0 1.0 1.0 1.0 1.4 1.9 2.7 3.8 5.3 7.4 10.3 14.3 20.0 20.0" {
		t.Fatal(got)
	}
	if total < 23*24 || total > 24*24 {
		t.Fatalf("%f hours", total)
	}
}
