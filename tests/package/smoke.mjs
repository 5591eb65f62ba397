/**
 * Schedules, fires and stops: the shortest life of a scheduler, with nothing
 * but what the package exports and a store that is empty.
 */
export async function smoke({ StdScheduler, CronTrigger }, store) {
  const fired = [];
  const done = Promise.withResolvers();
  const scheduler = new StdScheduler(store);
  const job = {
    kind: "tick",
    execute(task) {
      fired.push(task.slug);
      if (fired.includes("now") && fired.includes("cron")) done.resolve();
    },
  };
  scheduler.registerJob(job, { trigger: new CronTrigger("* * * * * *") });
  await scheduler.start();
  await scheduler.scheduleJob("cron", job);
  await scheduler.scheduleJob("now", job, { delayMs: 0 });
  const late = setTimeout(() => {
    done.reject(new Error(`Fired within ten seconds: [${fired}]`));
  }, 10_000);
  try {
    await done.promise;
  } finally {
    clearTimeout(late);
    await scheduler.stop();
  }
  const slugs = await scheduler.getJobSlugs();
  if (!slugs.includes("cron")) throw new Error(`Left in the store: [${slugs}]`);
}
