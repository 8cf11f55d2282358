// The function linked in open_darwin_arm64.go has no body; this file lets the compiler accept that.
