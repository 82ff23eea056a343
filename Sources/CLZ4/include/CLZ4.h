// LZ4 block compression (liblz4), as Swift sees it.
#pragma once
#include <lz4.h>
