#include "kernels.metal"
#include "emumain.h"
