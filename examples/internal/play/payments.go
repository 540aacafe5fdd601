package play

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// readLimit is how long a read of the API may take.
	readLimit = 10 * time.Millisecond
	// settled is how old a payment is before the readers of the load ask for it.
	settled = 2 * time.Second
	// warmPayments are made before anything is measured.
	warmPayments = 50
)

// Payments plays the bank: producers of two versions of the schema side by
// side while the read API is asked, a producer whose schema breaks, and a kill
// while payments arrive.
func Payments(ctx context.Context, e Env, scale Scale) (Result, error) {
	return e.payments(ctx, "template.yaml", nil, scale, (*payments).warm, (*payments).load, (*payments).breaking, (*payments).crash, (*payments).compare)
}

// PaymentsInJava plays the bank with the consumer in Java: first as Leat builds it of its
// source, then as one jar with all dependencies. One shard is one virtual machine to start.
func PaymentsInJava(ctx context.Context, e Env, scale Scale) (Result, error) {
	return e.payments(ctx, "template-java.yaml", []string{"Shards=1"}, scale, (*payments).warm, (*payments).jar, (*payments).load, (*payments).compare)
}

// PaymentsInPython plays the bank with the consumer in Python.
func PaymentsInPython(ctx context.Context, e Env, scale Scale) (Result, error) {
	return e.payments(ctx, "template-python.yaml", nil, scale, (*payments).warm, (*payments).load, (*payments).compare)
}

func (e Env) payments(ctx context.Context, template string, params []string, scale Scale, steps ...func(*payments, context.Context, Scale) error) (Result, error) {
	r := Result{System: "payments"}
	s, err := e.UpFile(ctx, "payments", template, append(params, "RegistryUrl="+registryMark)...)
	if err != nil {
		return r, err
	}
	defer s.Stop()
	p := &payments{s: s, r: &r}
	if p.byID, err = s.Endpoint(http.MethodGet, "/Prod/payments/{id}"); err != nil {
		return r, err
	}
	p.byID = strings.TrimSuffix(p.byID, "{id}")
	for _, step := range steps {
		if err := step(p, ctx, scale); err != nil {
			return r, err
		}
	}
	return r, nil
}

// jar packs the consumer as its author would, and replaces the running function's code by it.
func (p *payments) jar(ctx context.Context, _ Scale) error {
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "-DskipTests", "package")
	mvn.Dir = filepath.Join(p.s.folder, "project-java")
	if out, err := mvn.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn package: %w\n%s", err, out)
	}
	jar, err := os.ReadFile(filepath.Join(mvn.Dir, "target", "payments-project.jar"))
	if err != nil {
		return err
	}
	out, err := lambda.NewFromConfig(p.s.Config()).UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: aws.String("payments-project"), ZipFile: jar})
	if err != nil {
		return err
	}
	p.r.check("size of the code after the jar was uploaded", int64(len(jar)), out.CodeSize)
	return nil
}

type payments struct {
	s    *Server
	byID string
	r    *Result
	made []string // ids
}

// produce starts a payment service.
func (p *payments) produce(ctx context.Context, prefix, schema string, n, rate int) (*program, error) {
	for i := range n {
		p.made = append(p.made, paymentID(prefix, i))
	}
	return p.s.run(ctx, "-registry", p.s.RegistryURL, "-prefix", prefix, "-schema", schema, "-payments", strconv.Itoa(n), "-rate", strconv.Itoa(rate))
}

func paymentID(prefix string, i int) string { return fmt.Sprintf("%s-%06d", prefix, i) }

// finish waits for payment services and checks that every payment was delivered.
func (p *payments) finish(what string, want int, services ...*program) error {
	sent := 0
	for _, service := range services {
		n, err := service.wait()
		if err != nil {
			return err
		}
		sent += n
	}
	p.r.Records += sent
	p.r.check(what, want, sent)
	return nil
}

// warm makes the first payments, with the first schema, and waits until they can be read.
func (p *payments) warm(ctx context.Context, _ Scale) error {
	service, err := p.produce(ctx, "warm", "v1", warmPayments, 0)
	if err != nil {
		return err
	}
	if err := p.finish("first payments delivered", warmPayments, service); err != nil {
		return err
	}
	got, err := eventually(ctx, http.StatusOK, func(ctx context.Context) (int, error) {
		status, _, err := call(ctx, http.MethodGet, p.byID+paymentID("warm", warmPayments-1), "", "")
		return status, err
	})
	p.r.check("status of a first read", http.StatusOK, got)
	return err
}

// load runs an old and a new producer side by side and asks for their payments.
func (p *payments) load(ctx context.Context, scale Scale) error {
	half, n := scale.Payments/2, scale.Payments/2*scale.Seconds
	old, err := p.produce(ctx, "old", "v1", n, half)
	if err != nil {
		return err
	}
	young, err := p.produce(ctx, "new", "v2", n, half)
	if err != nil {
		return err
	}
	var lat samples
	wrong := samples{}
	start := time.Now()
	reads := scale.Reads * scale.Seconds
	err = atRate(ctx, float64(scale.Reads), reads, func(ctx context.Context, _ int, due time.Time) error {
		status, _, err := call(ctx, http.MethodGet, p.byID+pick(time.Since(start), half), "", "")
		lat.add(time.Since(due))
		if status != http.StatusOK && status != http.StatusNotFound { // not found: not there yet
			wrong.add(0)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := p.finish("payments delivered, schemas v1 and v2 side by side", 2*n, old, young); err != nil {
		return err
	}
	p.r.check("reads that failed", 0, len(wrong.list))
	p.r.Figures = append(p.r.Figures, lat.figure(fmt.Sprintf("GET /payments/{id} at %d/s, %d payments/s arriving", scale.Reads, scale.Payments), readLimit))
	return p.evolved(ctx)
}

// pick chooses a payment that was made some time ago.
func pick(elapsed time.Duration, rate int) string {
	if n := int((elapsed - settled).Seconds() * float64(rate)); n > 0 {
		return paymentID([]string{"old", "new"}[rand.IntN(2)], rand.IntN(n))
	}
	return paymentID("warm", rand.IntN(warmPayments))
}

// evolved checks that payments of both schemas read as they should.
func (p *payments) evolved(ctx context.Context) error {
	for _, c := range []struct{ prefix, want string }{{"old", "no reference"}, {"new", "a reference"}} {
		got, err := eventually(ctx, c.want, func(ctx context.Context) (string, error) {
			status, text, err := call(ctx, http.MethodGet, p.byID+paymentID(c.prefix, 1), "", "")
			switch {
			case err != nil || status != http.StatusOK:
				return strconv.Itoa(status), err
			case strings.Contains(text, `"reference":"invoice 1"`):
				return "a reference", nil
			}
			return "no reference", nil
		})
		if err != nil {
			return err
		}
		p.r.check("a payment of the "+c.prefix+" schema has", c.want, got)
	}
	return nil
}

// breaking starts a producer with a schema that breaks its readers.
func (p *payments) breaking(ctx context.Context, _ Scale) error {
	service, err := p.s.run(ctx, "-registry", p.s.RegistryURL, "-schema", "breaking", "-payments", "1")
	if err != nil {
		return err
	}
	_, err = service.wait()
	got := "sent"
	if err != nil && strings.Contains(err.Error(), "incompatible") {
		got = "refused as incompatible"
	}
	p.r.check("a payment with a breaking schema is", "refused as incompatible", got)
	return nil
}

// crash kills the server while payments arrive.
func (p *payments) crash(ctx context.Context, scale Scale) error {
	n := scale.Payments * 4
	service, err := p.produce(ctx, "crash", "v2", n, scale.Payments)
	if err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := p.s.KillAndRestart(ctx); err != nil {
		return err
	}
	return p.finish("payments delivered, across kill -9", n, service)
}

// compare waits until every payment ever made is in the table, and nothing else is anywhere.
func (p *payments) compare(ctx context.Context, _ Scale) error {
	type row struct {
		ID string `dynamodbav:"id"`
	}
	table := map[string]bool{}
	missing, err := eventually(ctx, 0, func(ctx context.Context) (int, error) {
		list, err := rows[row](ctx, p.s.Config(), p.s.Outputs["Table"])
		clear(table)
		for _, x := range list {
			table[x.ID] = true
		}
		missing := 0
		for _, id := range p.made {
			if !table[id] {
				missing++
			}
		}
		return missing, err
	})
	if err != nil {
		return err
	}
	p.r.check("payments that are not in the table", 0, missing)
	p.r.check("payments in the table", len(p.made), len(table))
	q, err := sqs.NewFromConfig(p.s.Config()).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(p.s.Outputs["UnhandledQueue"]), AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages},
	})
	if err != nil {
		return err
	}
	p.r.check("batches put aside as unhandled", "0", q.Attributes["ApproximateNumberOfMessages"])
	return nil
}
