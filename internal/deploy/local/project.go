package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/sam"
	"github.com/leatdev/leat/internal/deploy/serverless"
	"github.com/leatdev/leat/internal/deploy/template"
)

// FolderBucket stands for the folders of this machine; CodeBucket takes ready
// archives, each under the hash of its content.
const (
	FolderBucket = "leat-folder"
	CodeBucket   = "leat-code"
)

// MaxArchive is the size in bytes of the largest ready archive.
const MaxArchive = 250 << 20

// maxFiles is how many files of one folder a fingerprint looks at.
const maxFiles = 200_000

// Options say how a template is to be read.
type Options struct {
	StackName  string // default: the service's, or the folder's name
	Stage      string
	Region     string
	Account    string
	Parameters map[string]string // of the template; ${param:…} of a serverless.yml
	Opt        map[string]string // ${opt:…}
	Env        func(name string) (string, bool)
	// Output reads another stack's output for ${cf:…}.
	Output func(region, stack, key string) (string, error)
	// Providers check resource types before anything is sent; nil leaves that to the server.
	Providers deploy.Registry
}

// Project is a template ready to be deployed.
type Project struct {
	File       string // the template's path
	StackName  string
	Body       string // CloudFormation or SAM, with its code in place
	Parameters map[string]string
	Tags       map[string]string
	Warnings   []string
	// Folders hold the code, by function's or layer's logical id; they are worth watching.
	Folders map[string]string
	// Archives are to be in CodeBucket, by their key.
	Archives map[string]Archive
}

// Archive is a ready file, or the content of a layer's folder, zipped.
type Archive struct {
	Path string
	Data []byte // nil for a ready file
}

// names are the files looked for in a folder, in this order.
var names = []string{"serverless.yml", "serverless.yaml", "template.yaml", "template.yml", "template.json"}

// assemblySuffix is how CDK names the templates that it synthesises.
const assemblySuffix = ".template.json"

// Find returns the template of a path: the path itself, or the one in the folder, or in the cdk.out of the folder.
func Find(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, n := range names {
		if _, err := os.Stat(filepath.Join(path, n)); err == nil {
			return filepath.Join(path, n), nil
		}
	}
	for _, dir := range []string{path, filepath.Join(path, "cdk.out")} {
		found, err := filepath.Glob(filepath.Join(dir, "*"+assemblySuffix))
		switch {
		case err != nil:
			return "", err
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			return "", fmt.Errorf("%s holds several templates: name one of %s", dir, strings.Join(found, ", "))
		}
	}
	return "", fmt.Errorf("%s holds no template: looked for %s, and *%s of CDK", path, strings.Join(names, ", "), assemblySuffix)
}

// Open reads the template of a path. Errors of the template are template.Errors.
func Open(path string, o Options) (*Project, error) {
	file, err := Find(path)
	if err != nil {
		return nil, err
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	p := &Project{File: file, Folders: map[string]string{}, Archives: map[string]Archive{}, Tags: map[string]string{}}
	if strings.HasPrefix(filepath.Base(file), "serverless.") {
		err = p.openService(src, dir, o)
	} else {
		err = p.openTemplate(src, dir, o)
	}
	if err != nil {
		return nil, err
	}
	if o.StackName != "" {
		p.StackName = o.StackName
	}
	return p, nil
}

// openService compiles a serverless.yml.
func (p *Project) openService(src []byte, dir string, o Options) error {
	out, err := serverless.Compile(p.File, src, serverless.Options{Dir: dir, Stage: o.Stage, Region: o.Region, Account: o.Account, Opt: o.Opt, Params: o.Parameters, Env: o.Env, Output: o.Output,
		Package: func(a serverless.Artifact) (serverless.Code, error) {
			at := a.Dir
			if a.Zip != "" {
				at = a.Zip
			}
			c, err := p.place(dir, at, a.Layer)
			if err != nil {
				return serverless.Code{}, template.Errors{{Pos: a.Pos, Text: at, Reason: "the code is not there: " + err.Error(), Next: "correct the path"}}
			}
			if c.version == "" {
				return serverless.Code{Bucket: c.bucket, Key: c.key}, nil
			}
			// The fingerprint becomes the version in splitVersions: the key stays a path.
			return serverless.Code{Bucket: c.bucket, Key: c.key + versionMark + c.version}, nil
		}})
	if err != nil {
		return err
	}
	splitVersions(out.Template, p.Folders)
	p.StackName, p.Tags, p.Warnings = out.StackName, out.Tags, out.Warnings
	p.Body = string(out.Template.Indented())
	return p.check(out.Template, o)
}

// versionMark joins folder and fingerprint while a service is compiled; it cannot stand in a path.
const versionMark = "\x00"

// splitVersions moves fingerprints from keys to versions and notes the folders.
func splitVersions(root *template.Node, folders map[string]string) {
	for _, e := range root.Get("Resources").Entries {
		for _, prop := range []string{"Code", "Content"} {
			code := e.Val.At("Properties", prop)
			folder, print, ok := strings.Cut(code.Get("S3Key").Text(), versionMark)
			if !ok {
				continue
			}
			code.Set("S3Key", template.Str(folder))
			code.Set("S3ObjectVersion", template.Str(print))
			folders[e.Key.Value] = folder
		}
	}
}

// codeProps are the properties that may name a local path, by resource type.
var codeProps = map[string]string{"AWS::Lambda::Function": "Code", "AWS::Lambda::LayerVersion": "Content", "AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}

// openTemplate reads a CloudFormation or SAM template.
func (p *Project) openTemplate(src []byte, dir string, o Options) error {
	root, err := template.Load(p.File, src)
	if err != nil {
		return err
	}
	if err := p.placeAll(root, dir); err != nil {
		return err
	}
	p.StackName, p.Parameters = stackName(filepath.Base(dir)), o.Parameters
	if name, ok := strings.CutSuffix(filepath.Base(p.File), assemblySuffix); ok {
		p.StackName = stackName(name)
	}
	p.Body = string(root.Indented())
	full, err := sam.Transform(root, sam.Options{Parameters: o.Parameters, Region: o.Region, Account: o.Account})
	if err != nil {
		return err
	}
	return p.check(full, o)
}

// stackName makes a stack's name of a folder's.
func stackName(s string) string {
	s = strings.Trim(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, s), "-")
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "stack-" + s
	}
	return strings.TrimSuffix(s[:min(len(s), 128)], "-")
}

// placeAll replaces local paths by folders of this machine.
func (p *Project) placeAll(root *template.Node, dir string) error {
	var errs template.Errors
	put := func(id string, props *template.Node, prop, typ string) {
		n := props.Get(prop)
		sam := strings.HasPrefix(typ, "AWS::Serverless::")
		if n == nil || n.Kind != template.String || strings.HasPrefix(n.Value, "s3://") {
			return
		}
		c, err := p.place(dir, n.Value, strings.HasSuffix(typ, "::LayerVersion"))
		if err != nil {
			errs = append(errs, template.Errorf(n, "", "the code is not there: "+err.Error(), "correct the path"))
			return
		}
		names := [3]string{"S3Bucket", "S3Key", "S3ObjectVersion"}
		if sam {
			names = [3]string{"Bucket", "Key", "Version"}
		}
		code := template.M(names[0], c.bucket, names[1], c.key)
		if c.version != "" {
			code.Set(names[2], template.Str(c.version))
		}
		props.Set(prop, code.Place(n.Pos))
		if id != "" && c.bucket == FolderBucket {
			p.Folders[id] = c.key
		}
	}
	global := root.At("Globals", "Function")
	shared := global.Get("CodeUri").Text()
	if global != nil {
		put("", global, "CodeUri", "AWS::Serverless::Function")
	}
	if res := root.Get("Resources"); res != nil {
		for _, e := range res.Entries {
			typ := e.Val.Get("Type").Text()
			props := e.Val.Get("Properties")
			if props != nil && props.Kind == template.Map {
				asset(e.Val, props)
			}
			if prop := codeProps[typ]; prop != "" && props != nil && props.Kind == template.Map {
				put(e.Key.Value, props, prop, typ)
				if typ == "AWS::Serverless::Function" && props.Get(prop) == nil && props.Get("InlineCode") == nil && shared != "" && !strings.HasPrefix(shared, "s3://") {
					p.Folders[e.Key.Value] = global.At("CodeUri", "Key").Text()
				}
			}
		}
	}
	return errs.Err()
}

// asset puts the local path of a CDK asset where its place in the assets' bucket stands: `cdk synth` leaves
// the code beside the template and writes both into it.
func asset(res, props *template.Node) {
	path, prop := res.At("Metadata", "aws:asset:path"), res.At("Metadata", "aws:asset:property")
	if path.Text() == "" || props.Get(prop.Text()) == nil {
		return
	}
	props.Set(prop.Text(), template.Str(path.Text()).Place(path.Pos))
}

// check finds what the server would refuse, while the places in the file are still known.
func (p *Project) check(root *template.Node, o Options) error {
	t, err := template.New(root)
	if err != nil {
		return err
	}
	if o.Providers == nil {
		return nil
	}
	e := &deploy.Engine{Providers: o.Providers}
	values, err := t.ResolveParameters(p.Parameters)
	if err != nil {
		return errors.Join(e.Check(t, nil), err)
	}
	scope := &template.Scope{Template: t, Parameters: values, Account: o.Account, Region: o.Region,
		// What other stacks export is the server's to know.
		Import: func(string) (string, error) { return "imported", nil }}
	if err := e.Check(t, scope); err != nil {
		return err
	}
	if err := scope.CheckRules(); err != nil {
		return err
	}
	_, err = e.Plan(&deploy.Deployment{StackName: p.StackName, Template: t, Scope: scope})
	return err
}

// located says where code is.
type located struct{ bucket, key, version string }

// place finds code: a folder, which stays where it is unless it is a layer's, or
// an archive. What does not stay will be uploaded.
func (p *Project) place(dir, path string, layer bool) (located, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(dir, path)
	}
	info, err := os.Stat(full)
	if err != nil {
		return located{}, errors.Unwrap(err)
	}
	if ext := filepath.Ext(full); !info.IsDir() && (ext == ".zip" || ext == ".jar") {
		if info.Size() > MaxArchive {
			return located{}, fmt.Errorf("an archive may have %d bytes, this one has %d", MaxArchive, info.Size())
		}
		sum, err := contentHash(full)
		if err != nil {
			return located{}, err
		}
		p.Archives[sum+ext] = Archive{Path: full}
		return located{bucket: CodeBucket, key: sum + ext}, nil
	}
	if !info.IsDir() {
		full = filepath.Dir(full) // a single file of code: its folder
	}
	if layer {
		data, err := zipFolder(full)
		if err != nil {
			return located{}, err
		}
		sum := sha256.Sum256(data)
		key := hex.EncodeToString(sum[:]) + ".zip"
		p.Archives[key] = Archive{Path: full, Data: data}
		return located{bucket: CodeBucket, key: key}, nil
	}
	print, err := fingerprint(full)
	return located{FolderBucket, full, print}, err
}

func contentHash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// skipped are folders that hold no code.
var skipped = []string{".git", ".leat", ".serverless", ".aws-sam", "__pycache__"}

// fingerprint changes when a file of the folder is added, removed or written.
func fingerprint(root string) (string, error) {
	h := sha256.New()
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(skipped, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if n++; n > maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(h, "%s\x00%d\x00%d\x00%v\n", rel, info.Size(), info.ModTime().UnixNano(), info.Mode())
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:32], err
}
