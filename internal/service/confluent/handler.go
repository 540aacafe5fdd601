// Package confluent is the face of the schema registry that Confluent's clients know: the Schema Registry REST API,
// as of Confluent Platform 8. Its state is internal/subjects, which the Glue face shows too; docs/schema-registry.md says how the two relate.
//
// HTTP is this API's trade, so the package is an http.Handler and not a set of typed operations. Every route is a method of
// call that returns what to answer as JSON, or an error; files are named after the resources.
//
// What Confluent has and Leat has not: exporters, key encryption (/dek-registry), the catalogue, associations, and changing tags through
// a request of their own. Their routes answer 404, as Confluent's community edition does. Requests that name a feature Leat does not have in a
// body or a query are refused with 422.
package confluent

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/leatdev/leat/internal/subjects"
)

// Limits of a request.
const (
	// MaxBodyBytes bounds a request's body: a schema of the largest size, escaped as a JSON string, and its metadata.
	MaxBodyBytes = 4 << 20
	// MaxPageSize is how many elements a list has at most where the client gives no limit of its own.
	MaxPageSize = 1000
)

// Options configure the handler.
type Options struct {
	// Subjects is the state of the registry. Required.
	Subjects *subjects.Store
	// Logger receives failures that are not the client's. Nil discards them.
	Logger *slog.Logger
	// BasicAuth maps user names to passwords. Empty lets everyone in.
	BasicAuth map[string]string
}

type handler struct {
	store *subjects.Store
	log   *slog.Logger
	users map[string][sha256.Size]byte
}

// New makes the handler, to be served at the root of a port of its own (Confluent's is 8081).
func New(o Options) http.Handler {
	h := &handler{store: o.Subjects, log: o.Logger, users: map[string][sha256.Size]byte{}}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	for user, password := range o.BasicAuth {
		h.users[user] = sha256.Sum256([]byte(password))
	}
	return h
}

// call is one request being served.
type call struct {
	*handler
	r       *http.Request
	w       http.ResponseWriter
	query   url.Values
	args    map[string]string // path parameters
	context string            // of unqualified subjects: "." or that of a /contexts/{context} prefix
}

// route is a method and a path; segments in braces are parameters.
type route struct {
	method string
	path   []string
	serve  func(*call) (any, error)
}

var routes = makeRoutes(map[string]func(*call) (any, error){
	"GET /":                                                     (*call).root,
	"GET /subjects":                                             (*call).listSubjects,
	"POST /subjects/{subject}":                                  (*call).lookUp,
	"DELETE /subjects/{subject}":                                (*call).deleteSubject,
	"GET /subjects/{subject}/metadata":                          (*call).latestWithMetadata,
	"GET /subjects/{subject}/versions":                          (*call).listVersions,
	"POST /subjects/{subject}/versions":                         (*call).register,
	"GET /subjects/{subject}/versions/{version}":                (*call).getVersion,
	"DELETE /subjects/{subject}/versions/{version}":             (*call).deleteVersion,
	"GET /subjects/{subject}/versions/{version}/schema":         (*call).getVersionSchema,
	"GET /subjects/{subject}/versions/{version}/referencedby":   (*call).referencedBy,
	"GET /schemas":                                              (*call).listSchemas,
	"GET /schemas/types":                                        (*call).types,
	"GET /schemas/ids/{id}":                                     (*call).getByID,
	"GET /schemas/ids/{id}/schema":                              (*call).getSchemaByID,
	"GET /schemas/ids/{id}/subjects":                            (*call).subjectsOfID,
	"GET /schemas/ids/{id}/versions":                            (*call).versionsOfID,
	"GET /schemas/guids/{guid}":                                 (*call).getByGUID,
	"GET /schemas/guids/{guid}/ids":                             (*call).idsOfGUID,
	"POST /compatibility/subjects/{subject}/versions":           (*call).checkAll,
	"POST /compatibility/subjects/{subject}/versions/{version}": (*call).checkVersion,
	"GET /config":                                               (*call).getConfig,
	"PUT /config":                                               (*call).putConfig,
	"DELETE /config":                                            (*call).deleteConfig,
	"GET /config/{subject}":                                     (*call).getConfig,
	"PUT /config/{subject}":                                     (*call).putConfig,
	"DELETE /config/{subject}":                                  (*call).deleteConfig,
	"GET /mode":                                                 (*call).getMode,
	"PUT /mode":                                                 (*call).putMode,
	"DELETE /mode":                                              (*call).deleteMode,
	"GET /mode/{subject}":                                       (*call).getMode,
	"PUT /mode/{subject}":                                       (*call).putMode,
	"DELETE /mode/{subject}":                                    (*call).deleteMode,
	"GET /contexts":                                             (*call).listContexts,
	"DELETE /contexts/{context}":                                (*call).deleteContext,
	"GET /v1/metadata/id":                                       (*call).clusterID,
	"GET /v1/metadata/version":                                  (*call).version,
})

func makeRoutes(table map[string]func(*call) (any, error)) []route {
	var out []route
	for k, serve := range table {
		method, path, _ := strings.Cut(k, " ")
		out = append(out, route{method, split(path), serve})
	}
	return out
}

// split takes a path apart. Trailing slashes do not count.
func split(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// match compares a path with a route and collects the parameters.
func (r route) match(path []string) (map[string]string, bool) {
	if len(path) != len(r.path) {
		return nil, false
	}
	var args map[string]string
	for i, want := range r.path {
		if !strings.HasPrefix(want, "{") {
			if want != path[i] {
				return nil, false
			}
			continue
		}
		v, err := url.PathUnescape(path[i])
		if err != nil {
			return nil, false
		}
		if args == nil {
			args = map[string]string{}
		}
		args[strings.Trim(want, "{}")] = v
	}
	return args, true
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{handler: h, r: r, w: w, query: r.URL.Query(), context: subjects.DefaultContext}
	if !h.authentic(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="SchemaRegistry-Props"`)
		c.fail(&failure{http.StatusUnauthorized, http.StatusUnauthorized, "Unauthorized"})
		return
	}
	// The escaped path is split, so that an escaped slash can be part of a subject.
	path := split(r.URL.EscapedPath())
	if len(path) > 2 && path[0] == "contexts" {
		name, err := url.PathUnescape(path[1])
		if err != nil {
			c.fail(errNotFound)
			return
		}
		c.context, path = contextName(name), path[2:]
	}
	serve, err := c.find(path)
	if err != nil {
		c.fail(err)
		return
	}
	c.answer(serve)
}

// contextName accepts a context with and without its leading dot, and between colons.
func contextName(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, ":"), ":")
	if !strings.HasPrefix(s, ".") {
		s = "." + s
	}
	return s
}

// find chooses the route of a request.
func (c *call) find(path []string) (func(*call) (any, error), error) {
	method, known := c.r.Method, false
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, r := range routes {
		args, ok := r.match(path)
		if !ok {
			continue
		}
		if known = true; r.method == method {
			c.args = args
			return r.serve, nil
		}
	}
	if known {
		return nil, errMethod
	}
	return nil, errNotFound
}

// authentic checks basic authentication. Passwords are compared by their hashes, in constant time.
func (h *handler) authentic(r *http.Request) bool {
	if len(h.users) == 0 {
		return true
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return false
	}
	want, known := h.users[user]
	got := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && known
}

func (c *call) root() (any, error) { return struct{}{}, nil }
