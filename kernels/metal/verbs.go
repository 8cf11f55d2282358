package metal

import "mtplx/kernels/metal/internal/objc"

// verb is a selector that this package uses.
type verb uint8

const (
	verbNew verb = iota
	verbRetain
	verbRelease
	verbDrain
	verbRespondsToSelector
	verbStringWithUTF8
	verbUTF8String
	verbLocalizedDescription
	verbCode
	verbName
	verbSetLabel
	// The device.
	verbSupportsFamily
	verbHasUnifiedMemory
	verbWorkingSet
	verbAllocated
	verbMaxBuffer
	verbNewLibrary
	verbNewPipeline
	verbNewBuffer
	verbNewBufferNoCopy
	verbNewQueue
	verbNewResidencySet
	// Compiling.
	verbSetMathMode
	verbSetMathFunctions
	verbSetFastMath
	verbNewFunction
	verbSetFunction
	verbSetMaxThreads
	verbSetWholeWidths
	verbExecutionWidth
	verbMaxThreads
	// Memory.
	verbContents
	verbAddAllocation
	verbRemoveAllocation
	verbRequestResidency
	verbAddResidencySet
	// Command buffers.
	verbCommandBuffer
	verbEncoder
	verbAddCompleted
	verbCommit
	verbStatus
	verbError
	verbGPUStart
	verbGPUEnd
	// The host's clock.
	verbProcessInfo
	verbUptime
	// Encoders.
	verbSetPipeline
	verbSetBuffer
	verbSetBytes
	verbBarrier
	verbDispatch
	verbEndEncoding

	verbs
)

// selectorNames are the verbs in Objective-C. Commit is said to residency sets and command buffers.
var selectorNames = [verbs]string{
	verbNew: "new", verbRetain: "retain", verbRelease: "release", verbDrain: "drain",
	verbRespondsToSelector: "respondsToSelector:",
	verbStringWithUTF8:     "stringWithUTF8String:", verbUTF8String: "UTF8String",
	verbLocalizedDescription: "localizedDescription", verbCode: "code", verbName: "name", verbSetLabel: "setLabel:",

	verbSupportsFamily: "supportsFamily:", verbHasUnifiedMemory: "hasUnifiedMemory",
	verbWorkingSet: "recommendedMaxWorkingSetSize", verbAllocated: "currentAllocatedSize", verbMaxBuffer: "maxBufferLength",
	verbNewLibrary:  "newLibraryWithSource:options:error:",
	verbNewPipeline: "newComputePipelineStateWithDescriptor:options:reflection:error:",
	verbNewBuffer:   "newBufferWithLength:options:", verbNewBufferNoCopy: "newBufferWithBytesNoCopy:length:options:deallocator:",
	verbNewQueue: "newCommandQueue", verbNewResidencySet: "newResidencySetWithDescriptor:error:",

	verbSetMathMode: "setMathMode:", verbSetMathFunctions: "setMathFloatingPointFunctions:", verbSetFastMath: "setFastMathEnabled:",
	verbNewFunction: "newFunctionWithName:", verbSetFunction: "setComputeFunction:",
	verbSetMaxThreads:  "setMaxTotalThreadsPerThreadgroup:",
	verbSetWholeWidths: "setThreadGroupSizeIsMultipleOfThreadExecutionWidth:",
	verbExecutionWidth: "threadExecutionWidth", verbMaxThreads: "maxTotalThreadsPerThreadgroup",

	verbContents:      "contents",
	verbAddAllocation: "addAllocation:", verbRemoveAllocation: "removeAllocation:",
	verbRequestResidency: "requestResidency", verbAddResidencySet: "addResidencySet:",

	verbCommandBuffer: "commandBufferWithUnretainedReferences",
	verbEncoder:       "computeCommandEncoderWithDispatchType:", verbAddCompleted: "addCompletedHandler:",
	verbCommit: "commit", verbStatus: "status", verbError: "error",
	verbGPUStart: "GPUStartTime", verbGPUEnd: "GPUEndTime",
	verbProcessInfo: "processInfo", verbUptime: "systemUptime",

	verbSetPipeline: "setComputePipelineState:", verbSetBuffer: "setBuffer:offset:atIndex:", verbSetBytes: "setBytes:length:atIndex:",
	verbBarrier: "memoryBarrierWithScope:", verbDispatch: "dispatchThreadgroups:threadsPerThreadgroup:", verbEndEncoding: "endEncoding",
}

// Apple's constants, by the names of its headers.
const (
	familyApple7 = 1007 // MTLGPUFamilyApple7, the M1
	familyNewest = 1020 // asked for down from here

	mathModeSafe         = 0 // MTLMathModeSafe
	mathFunctionsPrecise = 1 // MTLMathFloatingPointFunctionsPrecise

	sharedUntracked = 0x100 // MTLResourceStorageModeShared | MTLResourceHazardTrackingModeUntracked

	dispatchConcurrent = 1 // MTLDispatchTypeConcurrent
	barrierBuffers     = 1 // MTLBarrierScopeBuffers

	statusCompleted = 4 // MTLCommandBufferStatusCompleted

	errorTimeout       = 2  // MTLCommandBufferErrorTimeout
	errorAccessRevoked = 4  // MTLCommandBufferErrorAccessRevoked
	errorOutOfMemory   = 8  // MTLCommandBufferErrorOutOfMemory
	errorDeviceRemoved = 11 // MTLCommandBufferErrorDeviceRemoved

	mostBuffers   = 31   // of an encoder's argument table
	mostConstants = 4096 // bytes that setBytes takes
)

// vocabulary is a runtime with the selectors registered in it.
type vocabulary struct {
	rt        objc.Runtime
	selectors [verbs]objc.Selector
}

func newVocabulary(rt objc.Runtime) *vocabulary {
	v := &vocabulary{rt: rt}
	for i, name := range selectorNames {
		v.selectors[i] = rt.Selector(name)
	}
	return v
}
