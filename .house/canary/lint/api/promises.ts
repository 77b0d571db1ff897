// expects: @typescript-eslint/no-floating-promises @typescript-eslint/no-misused-promises
export async function save(): Promise<void> {}
save();
void save();
[1, 2].forEach(async () => {
  await save();
});
