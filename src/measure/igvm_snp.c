#include "measure/igvm_snp.h"

#include "measure/launch.h"

#define PLATFORM_SEV_SNP 2
#define PAGE_SIZE        MEASURE_PAGE_SIZE
#define LARGE_PAGE_SIZE  (512U * PAGE_SIZE)

/* Types of variable headers. */
enum {
    TYPE_SUPPORTED_PLATFORM = 0x1,
    TYPE_GUEST_POLICY = 0x101,
    TYPE_RELOCATABLE_REGION = 0x102,
    TYPE_PAGE_TABLE_RELOCATION = 0x103,
    TYPE_CORIM_DOCUMENT = 0x104,
    TYPE_CORIM_SIGNATURE = 0x105,
    TYPE_CCA_POLICY = 0x106,
    TYPE_PARAMETER_AREA = 0x301,
    TYPE_PAGE_DATA = 0x302,
    TYPE_PARAMETER_INSERT = 0x303,
    TYPE_VP_CONTEXT = 0x304,
    TYPE_REQUIRED_MEMORY = 0x305,
    TYPE_UNUSED = 0x306,
    TYPE_SNP_ID_BLOCK = 0x30B,
    TYPE_LAST = 0x313,
};

#define FLAG_LARGE      1U
#define FLAG_UNMEASURED 2U
#define FLAG_SHARED     4U
#define FLAGS_KNOWN     7U

struct area {
    uint32_t index;
    uint64_t size;
    bool is_inserted;
};

struct run {
    const struct igvm *igvm;
    const struct igvm_snp_options *options;
    struct igvm_snp *out;
    struct launch launch;
    uint32_t mask; /* of the platform SEV-SNP; 0 until it is known */
    struct area areas[IGVM_AREAS_MAX];
    size_t area_count;
};

static int malformed(const struct igvm_header *header, struct error *err)
{
    return error_set(
        err, ERROR_INVALID,
        "an IGVM header of type 0x%x has %zu bytes, or reserved ones that are not zero",
        header->type, header->content.size);
}

static int count_pages(struct run *run, uint64_t count, struct error *err)
{
    if (count > IGVM_PAGES_MAX - run->out->page_count)
        return error_set(err, ERROR_LIMIT, "an IGVM file of more than %u pages", IGVM_PAGES_MAX);
    run->out->page_count += (uint32_t)count;
    if (run->out->vmsa_count > 0)
        run->out->kvm_agrees = false;
    return 0;
}

/* mask u32, highest_vtl u8, platform u8, version u16, shared boundary u64 */
static int on_platform(struct run *run, const struct igvm_header *header, struct error *err)
{
    struct cursor cursor = cursor_of(header->content);
    uint32_t mask;
    uint8_t platform;
    (void)cursor_le32(&cursor, &mask);
    (void)cursor_skip(&cursor, 1);
    (void)cursor_u8(&cursor, &platform);
    if (!cursor_skip(&cursor, 10) || !cursor_at_end(&cursor))
        return malformed(header, err);
    if (mask == 0 || (mask & (mask - 1)) != 0)
        return error_set(err, ERROR_INVALID,
                         "an IGVM platform with the mask 0x%x, which has not one bit", mask);
    if (platform != PLATFORM_SEV_SNP)
        return 0;
    if (run->mask != 0)
        return error_set(err, ERROR_INVALID, "an IGVM file that names SEV-SNP twice");
    run->mask = mask;
    return 0;
}

/* policy u64, mask u32, reserved u32 */
static int on_policy(struct run *run, const struct igvm_header *header, struct error *err)
{
    struct cursor cursor = cursor_of(header->content);
    uint64_t policy;
    uint32_t mask;
    uint32_t reserved;
    (void)cursor_le64(&cursor, &policy);
    (void)cursor_le32(&cursor, &mask);
    (void)cursor_le32(&cursor, &reserved);
    if (!cursor_at_end(&cursor) || reserved != 0)
        return malformed(header, err);
    if (!(mask & run->mask))
        return 0;
    if (run->out->has_policy)
        return error_set(err, ERROR_INVALID, "an IGVM file with two policies for SEV-SNP");
    run->out->has_policy = true;
    run->out->policy = policy;
    return 0;
}

/* Both kinds begin with their mask. */
static int on_relocation(struct run *run, const struct igvm_header *header, struct error *err)
{
    struct cursor cursor = cursor_of(header->content);
    uint32_t mask;
    if (!cursor_le32(&cursor, &mask))
        return malformed(header, err);
    if (!(mask & run->mask))
        return 0;
    return error_set(err, ERROR_INVALID,
                     "the loader may move what this IGVM file holds, and with it the digest");
}

static struct area *find_area(struct run *run, uint32_t index)
{
    for (size_t i = 0; i < run->area_count; i++) {
        if (run->areas[i].index == index)
            return &run->areas[i];
    }
    return NULL;
}

/* size u64, index u32, file offset u32 */
static int on_area(struct run *run, const struct igvm_header *header, struct error *err)
{
    struct cursor cursor = cursor_of(header->content);
    struct area area = {0};
    (void)cursor_le64(&cursor, &area.size);
    if (!cursor_le32(&cursor, &area.index) || !cursor_skip(&cursor, 4) || !cursor_at_end(&cursor))
        return malformed(header, err);
    if (area.size == 0 || area.size % PAGE_SIZE != 0)
        return error_set(err, ERROR_INVALID, "IGVM parameter area %u is no whole pages",
                         area.index);
    if (find_area(run, area.index))
        return error_set(err, ERROR_INVALID, "IGVM parameter area %u is there twice", area.index);
    if (run->area_count == IGVM_AREAS_MAX)
        return error_set(err, ERROR_LIMIT, "an IGVM file of more than %d parameter areas",
                         IGVM_AREAS_MAX);
    run->areas[run->area_count++] = area;
    return 0;
}

/* gpa u64, mask u32, index u32. What the loader puts there is not measured. */
static int on_insert(struct run *run, const struct igvm_header *header, struct error *err)
{
    struct cursor cursor = cursor_of(header->content);
    uint64_t gpa;
    uint32_t mask;
    uint32_t index;
    (void)cursor_le64(&cursor, &gpa);
    (void)cursor_le32(&cursor, &mask);
    (void)cursor_le32(&cursor, &index);
    if (!cursor_at_end(&cursor))
        return malformed(header, err);
    if (!(mask & run->mask))
        return 0;
    struct area *area = find_area(run, index);
    if (!area || area->is_inserted)
        return error_set(err, ERROR_INVALID,
                         "IGVM parameter area %u is not there, or inserted already", index);
    area->is_inserted = true;
    if (gpa % PAGE_SIZE != 0 || gpa > UINT64_MAX - area->size)
        return error_set(err, ERROR_INVALID, "IGVM parameter area %u at 0x%llx is no whole pages",
                         index, (unsigned long long)gpa);
    if (count_pages(run, area->size / PAGE_SIZE, err) < 0)
        return -1;
    for (uint64_t at = 0; at < area->size; at += PAGE_SIZE) {
        if (launch_add_blank(&run->launch, LAUNCH_PAGE_UNMEASURED, gpa + at, PAGE_SIZE, err) < 0)
            return -1;
    }
    return 0;
}

struct page_data {
    uint64_t gpa;
    uint32_t mask;
    uint32_t offset;
    uint32_t flags;
    uint16_t kind;
    uint16_t reserved;
};

static bool read_page_data(struct span content, struct page_data *out)
{
    struct cursor cursor = cursor_of(content);
    (void)cursor_le64(&cursor, &out->gpa);
    (void)cursor_le32(&cursor, &out->mask);
    (void)cursor_le32(&cursor, &out->offset);
    (void)cursor_le32(&cursor, &out->flags);
    (void)cursor_le16(&cursor, &out->kind);
    (void)cursor_le16(&cursor, &out->reserved);
    return cursor_at_end(&cursor) && out->reserved == 0 && (out->flags & ~FLAGS_KNOWN) == 0;
}

static int add_normal(struct run *run, const struct page_data *page, size_t size, struct error *err)
{
    static const uint8_t zeros[PAGE_SIZE];
    struct span data;
    if (page->offset != 0) {
        if (igvm_data(run->igvm, page->offset, size, &data, err) < 0)
            return -1;
        return launch_add_content(&run->launch, page->gpa, data, err);
    }
    if (!run->options->zeros_as_data)
        return launch_add_blank(&run->launch, LAUNCH_PAGE_ZERO, page->gpa, size, err);
    for (size_t at = 0; at < size; at += PAGE_SIZE)
        launch_add_page(&run->launch, LAUNCH_PAGE_NORMAL, page->gpa + at, zeros);
    return 0;
}

static int on_page(struct run *run, const struct igvm_header *header, struct error *err)
{
    /* IGVM_PAGE_DATA_TYPE: normal, secrets, CPUID, CPUID with XFEATURES. */
    static const enum launch_page kinds[] = {LAUNCH_PAGE_NORMAL, LAUNCH_PAGE_SECRETS,
                                             LAUNCH_PAGE_CPUID, LAUNCH_PAGE_CPUID};
    struct page_data page;
    if (!read_page_data(header->content, &page))
        return malformed(header, err);
    if (!(page.mask & run->mask) || (page.flags & FLAG_SHARED))
        return 0; /* shared pages are not part of the guest's own memory */
    size_t size = page.flags & FLAG_LARGE ? LARGE_PAGE_SIZE : PAGE_SIZE;
    if (page.kind >= sizeof kinds / sizeof *kinds || page.gpa % size != 0 ||
        page.gpa > UINT64_MAX - size)
        return error_set(err, ERROR_INVALID,
                         "an IGVM page of type %u at 0x%llx, which is unknown or not aligned",
                         page.kind, (unsigned long long)page.gpa);
    if (count_pages(run, size / PAGE_SIZE, err) < 0)
        return -1;
    enum launch_page kind = kinds[page.kind];
    if (kind == LAUNCH_PAGE_NORMAL && !(page.flags & FLAG_UNMEASURED))
        return add_normal(run, &page, size, err);
    if (kind == LAUNCH_PAGE_NORMAL)
        kind = LAUNCH_PAGE_UNMEASURED;
    return launch_add_blank(&run->launch, kind, page.gpa, size, err);
}

/* gpa u64, mask u32, file offset u32, vp_index u16, reserved u16 */
static int on_context(struct run *run, const struct igvm_header *header, struct error *err)
{
    struct cursor cursor = cursor_of(header->content);
    uint64_t gpa;
    uint32_t mask;
    uint32_t offset;
    uint16_t reserved;
    struct span vmsa;
    (void)cursor_le64(&cursor, &gpa);
    (void)cursor_le32(&cursor, &mask);
    (void)cursor_le32(&cursor, &offset);
    (void)cursor_skip(&cursor, 2);
    (void)cursor_le16(&cursor, &reserved);
    if (!cursor_at_end(&cursor) || reserved != 0)
        return malformed(header, err);
    if (!(mask & run->mask))
        return 0;
    if (gpa % PAGE_SIZE != 0)
        return error_set(err, ERROR_INVALID, "an IGVM save area at 0x%llx, which is no page",
                         (unsigned long long)gpa);
    if (igvm_data(run->igvm, offset, PAGE_SIZE, &vmsa, err) < 0)
        return -1;
    launch_add_page(&run->launch, LAUNCH_PAGE_VMSA, gpa, vmsa.data);
    run->out->kvm_agrees = run->out->vmsa_count == 0 && gpa == LAUNCH_VMSA_GPA;
    run->out->vmsa_count++;
    return 0;
}

/* A signature here is r and s of 72 bytes; a key is curve u32, reserved u32, x and y of 72 bytes.
 * Copied to where the ID authentication has them, which its own reader then checks. */
static bool copy_signature(struct cursor *cursor, uint8_t *out)
{
    return cursor_copy(cursor, out, 144);
}

static bool copy_key(struct cursor *cursor, uint8_t *out)
{
    uint32_t reserved;
    return cursor_copy(cursor, out, 4) && cursor_le32(cursor, &reserved) && reserved == 0 &&
           cursor_copy(cursor, out + 4, 144);
}

static bool read_id_block(struct span content, uint32_t *mask, uint8_t block[ID_BLOCK_SIZE],
                          uint8_t auth[ID_AUTH_SIZE])
{
    struct cursor cursor = cursor_of(content);
    uint8_t has_author;
    struct span reserved;
    memset(auth, 0, ID_AUTH_SIZE);
    memset(block, 0, ID_BLOCK_SIZE);
    (void)cursor_le32(&cursor, mask);
    (void)cursor_u8(&cursor, &has_author);
    if (!cursor_read(&cursor, 3, &reserved) || !span_is_zero(reserved) || has_author > 1)
        return false;
    /* Digest, family, image, version and SVN; the policy stands in a header of its own. */
    (void)cursor_copy(&cursor, block, ID_BLOCK_SIZE - 8);
    (void)cursor_copy(&cursor, auth, 8);
    if (!copy_signature(&cursor, auth + 0x40) || !copy_key(&cursor, auth + 0x240))
        return false;
    if (!has_author)
        return cursor_skip(&cursor, 296) && cursor_at_end(&cursor);
    return copy_signature(&cursor, auth + 0x680) && copy_key(&cursor, auth + 0x880) &&
           cursor_at_end(&cursor);
}

static int on_id_block(struct run *run, const struct igvm_header *header, struct error *err)
{
    struct igvm_snp *out = run->out;
    uint8_t block[ID_BLOCK_SIZE];
    uint8_t auth[ID_AUTH_SIZE];
    uint32_t mask;
    if (!read_id_block(header->content, &mask, block, auth))
        return malformed(header, err);
    if (!(mask & run->mask))
        return 0;
    if (out->has_id_block || !out->has_policy)
        return error_set(err, ERROR_INVALID, "an IGVM file with %s",
                         out->has_policy ? "two ID blocks" : "an ID block and no policy");
    for (int i = 0; i < 8; i++)
        block[ID_BLOCK_SIZE - 8 + i] = (uint8_t)(out->policy >> (8 * i));
    out->has_id_block = true;
    if (id_block_read(span_of(block, sizeof block), &out->id_block, err) < 0 ||
        id_auth_read(span_of(auth, sizeof auth), &out->id_auth, err) < 0)
        return error_context(err, "the IGVM file's ID block");
    return 0;
}

/* What is known and adds nothing to the digest: parameters, memory that is asked for, measurements
 * for other platforms. */
static bool is_silent(uint32_t type)
{
    return type == TYPE_CORIM_DOCUMENT || type == TYPE_CORIM_SIGNATURE || type == TYPE_CCA_POLICY ||
           (type >= TYPE_REQUIRED_MEMORY && type <= TYPE_LAST && type != TYPE_UNUSED);
}

static int on_header(struct run *run, const struct igvm_header *header, struct error *err)
{
    static const struct {
        uint32_t type;
        int (*handle)(struct run *, const struct igvm_header *, struct error *);
    } handlers[] = {
        {TYPE_SUPPORTED_PLATFORM, on_platform},   {TYPE_GUEST_POLICY, on_policy},
        {TYPE_RELOCATABLE_REGION, on_relocation}, {TYPE_PAGE_TABLE_RELOCATION, on_relocation},
        {TYPE_PARAMETER_AREA, on_area},           {TYPE_PAGE_DATA, on_page},
        {TYPE_PARAMETER_INSERT, on_insert},       {TYPE_VP_CONTEXT, on_context},
        {TYPE_SNP_ID_BLOCK, on_id_block},
    };
    if (header->stage != IGVM_STAGE_PLATFORM && run->mask == 0)
        return error_set(err, ERROR_INVALID, "this IGVM file is not for SEV-SNP");
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type == header->type)
            return handlers[i].handle(run, header, err);
    }
    if (header->is_optional || is_silent(header->type))
        return 0;
    return error_set(err, ERROR_INVALID, "an IGVM header of the unknown type 0x%x", header->type);
}

int igvm_measure_snp(const struct igvm *igvm, const struct igvm_snp_options *options,
                     struct igvm_snp *out, struct error *err)
{
    struct run run = {.igvm = igvm, .options = options, .out = out};
    struct igvm_reader reader = igvm_read(igvm);
    struct igvm_header header;
    int more;
    memset(out, 0, sizeof *out);
    launch_init(&run.launch);
    while ((more = igvm_next(&reader, &header, err)) > 0) {
        if (on_header(&run, &header, err) < 0)
            return -1;
    }
    if (more < 0)
        return -1;
    if (out->page_count == 0)
        return error_set(err, ERROR_INVALID, "this IGVM file has no pages for SEV-SNP");
    memcpy(out->digest, run.launch.digest, SHA384_SIZE);
    return 0;
}

int igvm_check_id_block(const struct igvm_snp *measured, struct id_digests *digests,
                        struct error *err)
{
    uint8_t block[ID_BLOCK_SIZE];
    if (!measured->has_id_block)
        return error_set(err, ERROR_NOT_FOUND, "the IGVM file has no ID block");
    if (memcmp(measured->id_block.launch_digest, measured->digest, SHA384_SIZE) != 0)
        return error_set(
            err, ERROR_REFUSED,
            "the IGVM file's ID block is for another launch digest than its pages give");
    if (id_block_write(&measured->id_block, block, err) < 0)
        return -1;
    return id_auth_check(&measured->id_auth, block, digests, err);
}
