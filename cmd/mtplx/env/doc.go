// Package env is the command mtplx env: what the environment says, where mtplx keeps things, and what it runs on.
//
// It asks nobody, writes nothing, and never fails for what it finds: it is for reports of what is wrong. Values that are secret by
// their variable's name are never shown, nor are names and passwords inside addresses.
package env
