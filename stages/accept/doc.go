// Package accept is the third stage: it waits for the trunk's results and decides how many drafts of
// each lane stand, and which token follows them. The rule and its randomness are package sample's;
// this stage only brings it the rows.
package accept
