#include "measure/vmsa.h"

/* Offsets in the save area. */
enum {
    AT_ES = 0x00,
    AT_CS = 0x10,
    AT_SS = 0x20,
    AT_DS = 0x30,
    AT_FS = 0x40,
    AT_GS = 0x50,
    AT_GDTR = 0x60,
    AT_LDTR = 0x70,
    AT_IDTR = 0x80,
    AT_TR = 0x90,
    AT_EFER = 0xD0,
    AT_CR4 = 0x148,
    AT_CR0 = 0x158,
    AT_DR7 = 0x160,
    AT_DR6 = 0x168,
    AT_RFLAGS = 0x170,
    AT_RIP = 0x178,
    AT_G_PAT = 0x268,
    AT_RDX = 0x310,
    AT_SEV_FEATURES = 0x3B0,
    AT_XCR0 = 0x3E8,
    AT_MXCSR = 0x408,
    AT_X87_FCW = 0x410,
};

#define SEGMENT_LIMIT 0xFFFF
#define CS_SELECTOR   0xF000
#define CR0_PE        0x1
#define CR0_ET        0x10
#define G_PAT_RESET   UINT64_C(0x0007040600070406) /* APM volume 2, section 7.8.2 */

/* What the monitors do differently. */
struct flavour {
    uint16_t cs_boot; /* attributes of CS in the boot processor, and in the others */
    uint16_t cs_other;
    uint16_t ss;
    uint16_t tr;
    bool has_signature; /* RDX holds the CPU's signature, else 0x600 */
    bool has_fpu;       /* MXCSR and the x87 control word are set */
    uint64_t g_pat;
};

static const struct flavour flavours[] = {
    [VMSA_QEMU] = {0x9B, 0x9B, 0x93, 0x8B, true, true, G_PAT_RESET},
    [VMSA_EC2] = {0x9A, 0x9B, 0x92, 0x83, false, false, G_PAT_RESET},
    [VMSA_GCE] = {0x9B, 0x9B, 0x93, 0x8B, false, false, UINT64_C(0x0000000000070106)},
};

#define RESET_RDX 0x600 /* what a monitor without CPU models leaves there */

static void put(uint8_t *page, size_t offset, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++)
        page[offset + i] = (uint8_t)(value >> (8 * i));
}

/* Selector u16, attributes u16, limit u32, base u64. */
struct segment {
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit;
    uint64_t base;
};

static void put_segment(uint8_t *page, size_t offset, struct segment segment)
{
    put(page, offset, 2, segment.selector);
    put(page, offset + 2, 2, segment.attributes);
    put(page, offset + 4, 4, segment.limit);
    put(page, offset + 8, 8, segment.base);
}

static void put_segments(uint8_t *page, struct segment code, struct segment stack,
                         struct segment data, uint16_t tr)
{
    const struct segment gs = {0, 0x93, SEGMENT_LIMIT, 0};
    put_segment(page, AT_ES, data);
    put_segment(page, AT_CS, code);
    put_segment(page, AT_SS, stack);
    put_segment(page, AT_DS, data);
    put_segment(page, AT_FS, data);
    put_segment(page, AT_GS, gs);
    put_segment(page, AT_GDTR, (struct segment){0, 0, SEGMENT_LIMIT, 0});
    put_segment(page, AT_LDTR, (struct segment){0, 0x82, SEGMENT_LIMIT, 0});
    put_segment(page, AT_IDTR, (struct segment){0, 0, SEGMENT_LIMIT, 0});
    put_segment(page, AT_TR, (struct segment){0, tr, SEGMENT_LIMIT, 0});
}

/* What all have. */
static void put_registers(uint8_t *page)
{
    put(page, AT_EFER, 8, 0x1000); /* SVME, which KVM sets */
    put(page, AT_CR4, 8, 0x40);    /* MCE */
    put(page, AT_CR0, 8, CR0_ET);
    put(page, AT_DR7, 8, 0x400);
    put(page, AT_DR6, 8, 0xFFFF0FF0);
    put(page, AT_RFLAGS, 8, 2);
    put(page, AT_XCR0, 8, 1);
}

void vmsa_write(const struct vmsa *vmsa, bool is_boot_cpu, uint8_t page[MEASURE_PAGE_SIZE])
{
    const struct flavour *flavour = &flavours[vmsa->flavour];
    const uint32_t eip = is_boot_cpu ? VMSA_RESET_EIP : vmsa->ap_eip;
    const uint16_t code = is_boot_cpu ? flavour->cs_boot : flavour->cs_other;
    const struct segment data = {0, 0x93, SEGMENT_LIMIT, 0};
    memset(page, 0, MEASURE_PAGE_SIZE);
    put_segments(page, (struct segment){CS_SELECTOR, code, SEGMENT_LIMIT, eip & 0xFFFF0000U},
                 (struct segment){0, flavour->ss, SEGMENT_LIMIT, 0}, data, flavour->tr);
    put_registers(page);
    put(page, AT_RIP, 8, eip & 0xFFFF);
    put(page, AT_G_PAT, 8, flavour->g_pat);
    put(page, AT_RDX, 8, flavour->has_signature ? vmsa->cpuid_signature : RESET_RDX);
    put(page, AT_SEV_FEATURES, 8, vmsa->guest_features);
    put(page, AT_MXCSR, 4, flavour->has_fpu ? 0x1F80 : 0);
    put(page, AT_X87_FCW, 2, flavour->has_fpu ? 0x37F : 0);
}

void vmsa_write_svsm(uint32_t eip, uint32_t cpuid_signature, uint8_t page[MEASURE_PAGE_SIZE])
{
    const struct segment data = {0x10, 0xC93, UINT32_MAX, 0};
    memset(page, 0, MEASURE_PAGE_SIZE);
    put_segments(page, (struct segment){0x8, 0xC9B, UINT32_MAX, 0}, data, data, 0x8B);
    put_registers(page);
    put(page, AT_CR0, 8, CR0_ET | CR0_PE);
    put(page, AT_RIP, 8, eip);
    put(page, AT_G_PAT, 8, G_PAT_RESET);
    put(page, AT_RDX, 8, cpuid_signature);
    put(page, AT_SEV_FEATURES, 8, 1); /* SNPActive */
    put(page, AT_MXCSR, 4, 0x1F80);
}
