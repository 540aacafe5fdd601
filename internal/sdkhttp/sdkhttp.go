// Package sdkhttp is the HTTP client that our own clients of the Go SDK use.
//
// The SDK closes a request's body as soon as it has the head of the response. net/http may not be done with that
// body then: after the last byte it looks whether more comes. Through Read a closed body says "no more"; through
// WriteTo it answers io.EOF, which net/http takes for a failed write, and it closes the connection under whoever
// reads the response: "use of closed network connection", inside the body of a 200. Near AWS a response takes longer
// than that look; near a server on the same, busy machine it does not. So here a body has Read alone.
package sdkhttp

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Client is what the SDK would use by itself, but for the above. It has connections of its own.
func Client() aws.HTTPClient { return Over(awshttp.NewBuildableClient()) }

// Over sends what it is given through another client, without the above.
func Over(under aws.HTTPClient) aws.HTTPClient { return client{under} }

type client struct{ under aws.HTTPClient }

func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.under.Do(r)
}
