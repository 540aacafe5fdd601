// Package model holds what AWS's own service descriptions say about the wire:
// which operations a service has, where each member of their inputs and outputs
// travels, under which name, in which format, and within which bounds.
//
// The descriptions are extracted by gen/gen.py and embedded compressed. The
// index of services is compiled in; a service's model is parsed when its first
// request arrives, so that a start costs nothing and an unused service no memory.
package model

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

//go:generate python3 gen/gen.py
//go:generate gofmt -w index_gen.go

//go:embed data/*.json.gz
var data embed.FS

// Protocol names as the descriptions spell them.
const (
	ProtocolJSON     = "json"
	ProtocolQuery    = "query"
	ProtocolRESTJSON = "rest-json"
	ProtocolRESTXML  = "rest-xml"
	ProtocolRPCCBOR  = "smithy-rpc-v2-cbor"
)

// Info is what dispatch needs to know of a service before its model is parsed.
type Info struct {
	ID              string
	Protocols       []string // the preferred one first
	JSONVersion     string   // "1.0" or "1.1"
	TargetPrefix    string   // of X-Amz-Target, and the service name of Smithy RPC v2 paths
	SigningName     string   // the service of credential scopes
	EndpointPrefix  string   // the first label of AWS's host names
	APIVersion      string   // the Version of query requests
	Namespace       string   // of XML replies
	QueryCompatible bool     // JSON errors also carry their query code
}

// Speaks tells whether the service lists a protocol.
func (i *Info) Speaks(protocol string) bool {
	for _, p := range i.Protocols {
		if p == protocol {
			return true
		}
	}
	return false
}

// Services lists all services in the order of their ids.
func Services() []Info { return index }

// Find gives a service's index entry.
func Find(id string) (*Info, bool) {
	for i := range index {
		if index[i].ID == id {
			return &index[i], true
		}
	}
	return nil, false
}

// Service is one parsed model. It is immutable and safe for concurrent use.
type Service struct {
	*Info
	Operations map[string]*Operation
	shapes     map[string]*Shape
	errors     map[string]*Shape // by shape name and by wire code
}

// Operation is one call of a service.
type Operation struct {
	Name    string
	Method  string
	URI     string // with {label} and {greedy+} parts; may carry a fixed query
	Status  int    // of success; 0 means 200
	Input   *Shape // nil: no members
	Output  *Shape
	Wrapper string // the result element of query replies
	Errors  []*Shape
	Unauth  bool // AWS takes it unsigned
}

// Kind is the sort of value a shape describes.
type Kind uint8

// The kinds of shapes.
const (
	Invalid Kind = iota
	Structure
	List
	Map
	String
	Blob
	Boolean
	Integer
	Long
	Float
	Double
	Timestamp
)

var kinds = map[string]Kind{
	"structure": Structure, "list": List, "map": Map, "string": String, "character": String, "blob": Blob,
	"boolean": Boolean, "integer": Integer, "long": Long, "float": Float, "double": Double, "timestamp": Timestamp,
}

// Location says which part of an HTTP message carries a member.
type Location uint8

// Where members travel; Body is the default.
const (
	Body Location = iota
	Label
	QueryString
	Header
	Headers // a map of headers that share a prefix
	StatusCode
)

var locations = map[string]Location{
	"": Body, "uri": Label, "querystring": QueryString, "header": Header, "headers": Headers, "statusCode": StatusCode,
}

// Shape is a type of the API.
type Shape struct {
	Name string
	Kind Kind

	Members []*Member // of structures, in the order of the description
	Payload string    // the member that is the whole body
	Elem    *Member   // of lists
	Key     *Member   // of maps
	Value   *Member

	Min, Max *float64
	Pattern  string
	Enum     []string

	TimeFormat  string // "iso8601", "rfc822", "unixTimestamp" or ""
	WireName    string
	Namespace   string
	Flattened   bool
	Union       bool
	Exception   bool
	EventStream bool
	Document    bool
	Streaming   bool

	ErrorCode   string // the code in query errors, when it is not the shape's name
	ErrorStatus int    // 0: unknown
	Fault       bool   // the server's fault, not the sender's

	byName      map[string]*Member
	pattern     *regexp.Regexp
	class       *class // instead of it, where it is one
	patternOnce sync.Once
}

// Member is a reference to a shape: a structure's member, a list's element, a
// map's key or value.
type Member struct {
	Name        string // "" for elements, keys and values
	Shape       *Shape
	WireName    string // locationName, or "" when it is Name
	QueryName   string
	Location    Location
	TimeFormat  string
	Namespace   string
	Required    bool
	Flattened   bool
	Attribute   bool // an XML attribute
	Idempotency bool
	EventHeader bool
	EventBody   bool
	Streaming   bool
}

// WireOr gives the member's name in bodies.
func (m *Member) WireOr(fallback string) string {
	if m.WireName != "" {
		return m.WireName
	}
	return fallback
}

// QueryOr gives the member's name in query requests and their replies.
func (m *Member) QueryOr(fallback string) string {
	if m.QueryName != "" {
		return m.QueryName
	}
	return m.WireOr(fallback)
}

// Member finds a structure's member by name.
func (s *Shape) Member(name string) *Member { return s.byName[name] }

// MatchPattern tells whether text satisfies the shape's pattern as a whole.
// Go's engine has no look-around; what only a look-around forbids passes here
// and is the service's to refuse.
func (s *Shape) MatchPattern(text string) bool {
	s.patternOnce.Do(func() {
		if s.Pattern == "" {
			return
		}
		if s.class = classOf(translate(s.Pattern)); s.class == nil {
			s.pattern, _ = compile(s.Pattern)
		}
	})
	if s.class != nil {
		return s.class.match(text)
	}
	return s.pattern == nil || s.pattern.MatchString(text)
}

func compile(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`^(?s:` + translate(pattern) + `)$`)
}

// java are spellings that Go's engine does not know. Java counts UTF-16 units,
// so the descriptions write what lies beyond the first plane as pairs.
var java = strings.NewReplacer(
	`\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`,
	`\p{Alpha}`, `[A-Za-z]`, `\p{ASCII}`, `\x00-\x7F`, `\p{Print}`, `[\x20-\x7E]`,
)

var javaEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

func translate(p string) string {
	p = javaEscape.ReplaceAllString(java.Replace(p), `\x{$1}`)
	for _, look := range []string{"(?!", "(?<!", "(?=", "(?<="} {
		for i := strings.Index(p, look); i >= 0; i = strings.Index(p, look) {
			p = p[:i] + p[groupEnd(p, i):]
		}
	}
	return p
}

// groupEnd finds the end of the group that opens at i.
func groupEnd(p string, i int) int {
	depth, class := 0, false
	for ; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(p)
}

// Error finds an exception by its shape name or by its query code.
func (s *Service) Error(code string) *Shape { return s.errors[code] }

// Shape finds a shape by name, nil if there is none.
func (s *Service) Shape(name string) *Shape { return s.shapes[name] }

var loaded sync.Map // id -> func() (*Service, error)

// Load gives a service's model, parsed once.
func Load(id string) (*Service, error) {
	f, ok := loaded.Load(id)
	if !ok {
		f, _ = loaded.LoadOrStore(id, sync.OnceValues(func() (*Service, error) { return parse(id) }))
	}
	return f.(func() (*Service, error))()
}

// The compact form; the letters are gen.py's.
type (
	rawService struct {
		Ops    map[string]rawOperation `json:"ops"`
		Shapes map[string]rawShape     `json:"shapes"`
	}
	rawOperation struct {
		M, U, I, O, W string
		C, A          int
		E             []string
	}
	rawRef struct {
		N, S, W, L, Q, TS, NS     string
		R, FL, XA, IT, EH, EP, ST int
	}
	rawShape struct {
		T, P, Pat, TS, W, NS, EC   string
		M                          []rawRef
		E, K, V                    *rawRef
		Min, Max                   *float64
		En                         []string
		FL, U, X, ES, EV, D, ST, F int
		Est                        int
	}
)

func parse(id string) (*Service, error) {
	info, ok := Find(id)
	if !ok {
		return nil, fmt.Errorf("model: no service %q", id)
	}
	packed, err := data.ReadFile("data/" + id + ".json.gz")
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", id, err)
	}
	var raw rawService
	if err := json.NewDecoder(zr).Decode(&raw); err != nil {
		return nil, fmt.Errorf("model %s: %w", id, err)
	}
	return link(info, &raw), nil
}

// link replaces names by pointers.
func link(info *Info, raw *rawService) *Service {
	s := &Service{
		Info: info, Operations: make(map[string]*Operation, len(raw.Ops)),
		shapes: make(map[string]*Shape, len(raw.Shapes)), errors: map[string]*Shape{},
	}
	for name := range raw.Shapes {
		s.shapes[name] = &Shape{Name: name}
	}
	for name, r := range raw.Shapes {
		s.linkShape(s.shapes[name], &r)
	}
	for name, r := range raw.Ops {
		o := &Operation{Name: name, Method: r.M, URI: r.U, Status: r.C, Wrapper: r.W, Unauth: r.A != 0, Input: s.shapes[r.I], Output: s.shapes[r.O]}
		for _, e := range r.E {
			o.Errors = append(o.Errors, s.shapes[e])
		}
		s.Operations[name] = o
	}
	for name, sh := range s.shapes {
		if !sh.Exception {
			continue
		}
		s.errors[name] = sh
		if sh.ErrorCode != "" && raw.Shapes[sh.ErrorCode].X == 0 {
			s.errors[sh.ErrorCode] = sh
		}
	}
	return s
}

func (s *Service) linkShape(sh *Shape, r *rawShape) {
	sh.Kind = kinds[r.T]
	sh.Payload, sh.Min, sh.Max, sh.Pattern, sh.Enum = r.P, r.Min, r.Max, r.Pat, r.En
	sh.TimeFormat, sh.WireName, sh.Namespace = r.TS, r.W, r.NS
	sh.Flattened, sh.Union, sh.Exception = r.FL != 0, r.U != 0, r.X != 0 || r.Est != 0
	sh.EventStream, sh.Document, sh.Streaming = r.ES != 0, r.D != 0, r.ST != 0
	sh.ErrorCode, sh.ErrorStatus, sh.Fault = r.EC, r.Est, r.F != 0
	sh.Elem, sh.Key, sh.Value = s.linkRef(r.E), s.linkRef(r.K), s.linkRef(r.V)
	if sh.Kind == Structure {
		sh.byName = make(map[string]*Member, len(r.M))
		for i := range r.M {
			m := s.linkRef(&r.M[i])
			sh.Members = append(sh.Members, m)
			sh.byName[m.Name] = m
		}
	}
}

func (s *Service) linkRef(r *rawRef) *Member {
	if r == nil {
		return nil
	}
	return &Member{
		Name: r.N, Shape: s.shapes[r.S], WireName: r.W, QueryName: r.Q, Location: locations[r.L],
		TimeFormat: r.TS, Namespace: r.NS, Required: r.R != 0, Flattened: r.FL != 0, Attribute: r.XA != 0,
		Idempotency: r.IT != 0, EventHeader: r.EH != 0, EventBody: r.EP != 0, Streaming: r.ST != 0,
	}
}
