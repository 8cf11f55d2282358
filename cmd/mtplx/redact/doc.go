// Package redact takes secrets and names out of texts that others may read: reports, bundles and logs.
package redact
