package eventpattern_test

import (
	"fmt"
	"log"

	"github.com/leatdev/leat/eventpattern"
)

func ExampleCompile() {
	p, err := eventpattern.Compile([]byte(`{"body":{"newStatus":["APPROVED",{"prefix":"PRE_"}],"balance":[{"numeric":[">=",100]}]}}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.MatchJSON([]byte(`{"body":{"newStatus":"APPROVED","balance":100.00}}`)))
	fmt.Println(p.MatchJSON([]byte(`{"body":{"newStatus":"APPROVED","balance":99}}`)))
	// Output:
	// true
	// false
}

// The pattern of an event source mapping: "data" is what a record's data says, decoded from base64.
func ExampleCompileFilter() {
	f, err := eventpattern.CompileFilter(eventpattern.Kinesis, []string{`{"data":{"newStatus":["APPROVED"]}}`})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Match(nil, []byte(`{"newStatus":"APPROVED"}`)) == eventpattern.Matched)
	fmt.Println(f.Match(nil, []byte(`not JSON`)) == eventpattern.Matched)
	// Output:
	// true
	// false
}
