// Package filelock holds locks of files between processes. A lock ends with the file that holds it, and so with the process at
// the latest, however it ends. Locks are advisory: they keep out who asks for them.
package filelock
